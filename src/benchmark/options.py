"""Cost of the options of the machines: training speed with one option changed, as a share of that without."""

import argparse

from .rounds import best_times, digits, shape_overrides, training_round

ABOUT = (
    "training sequences a second on repeat-copy with one option of a machine changed, and the share of the default"
)
#: Changes of each model, in braces where a kind of head has its own.
OPTIONS = {
    "ntm": (
        "controller=counter_lstm",
        "controller=gru",
        "controller=feedforward",
        "input_skip=true",
        "shift_range=8",
    ),
    "dms_ntm": (
        "controller=counter_lstm",
        "motion=relative",
        "motion=anchored",
        "carry=position",
        "carry=position motion=anchored",
        "kernel=cauchy",
        "sigma_max=4.0",
        "sigma_schedule={factor:4,share:0.6}",
        "lattice=0.5",
        "input_skip=true",
        "num_scales=2",
        "sigma_init=2",
        "delta_init={read:0,write:1} motion=relative",
    ),
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    add = parser.add_argument
    add("--batch-size", type=int, default=16)
    add("--length", type=int, default=10)
    add("--repeats", type=int, default=10)
    add("--updates", type=int, default=3, help="in a round, each with another batch")
    add("--rounds", type=int, default=6)


def measure(given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Sequences a second by model and option; the first of each model, without a name, is its default."""
    shape = shape_overrides(given.length, given.repeats)
    timed = {
        (model, option): training_round(
            " ".join([model, *(f"model.{change}" for change in option.split())]),
            given.batch_size,
            shape,
            given.updates,
        )
        for model, options in OPTIONS.items()
        for option in ("", *options)
    }
    rates: dict[str, dict[str, float]] = {}
    for (model, option), seconds in best_times(timed, given.rounds).items():
        rates.setdefault(model, {})[option] = given.updates * given.batch_size / seconds
    return rates


def markdown(rates: dict[str, dict[str, float]]) -> str:
    """A Markdown table with a line for each option."""
    lines = ["| model | option | sequences a second | share of the default |", "|---|---|---:|---:|"]
    for model, row in rates.items():
        for option, rate in row.items():
            name = f"`{option}`" if option else "default"
            lines.append(f"| `{model}` | {name} | {digits(rate)} | {rate / row['']:.2f} |")
    return "\n".join(lines)
