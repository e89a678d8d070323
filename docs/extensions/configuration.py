"""The page of all settings, made from the files of conf/ and their comments."""

from pathlib import Path

import yaml

CONF = Path(__file__).parents[2] / "conf"
PAGE = Path(__file__).parents[1] / "generated" / "configuration.md"
#: Groups of choices in the order of the page, with what each is.
GROUPS = {
    "model": "Models",
    "task": "Tasks",
    "recipe": "Recipes: settings that suit a pair of task and model",
    "optimizer": "Optimisers",
    "schedule": "Schedules of the learning rate",
    "trainer": "Trainer",
    "logger": "Loggers",
    "callbacks": "Callbacks",
    "debug": "Presets for debugging",
    "hydra/launcher": "Launchers of the jobs of a sweep",
    "experiment": "Experiments",
    "search": "Searches",
    "study": "Studies",
}
#: Keys whose parts are not listed: those of Hydra, and jobs of a study.
WHOLE = {"hydra", "defaults", "sweeps", "evaluate", "reports"}


def page():
    lines = [
        "# All settings",
        "",
        "Made from the files of `conf/` and their comments. A key of a group has the name of the group before it:",
        "`memory_slots` in `conf/model/ntm.yaml` is `model.memory_slots` on the command line.",
        "",
    ]
    commands = sorted(CONF.glob("*.yaml"), key=lambda path: (path.stem != "train", path.stem))
    for path in commands:
        lines += [
            f"## `src.{path.stem}`" if path.stem != "launchers" else "## What a cluster needs",
            "",
            *described(path),
        ]
    for group, title in GROUPS.items():
        lines += [f"## {title}", ""]
        for path in sorted((CONF / group).rglob("*.yaml")):
            choice = path.relative_to(CONF / group).with_suffix("").as_posix()
            lines += [f"### `{group}={choice}`", "", *described(path)]
    return "\n".join(lines)


def described(path):
    """The first comment of a file, and a table of its keys."""
    text = path.read_text(encoding="utf-8")
    source = text.splitlines()
    first = [line[1:].strip() for line in source[: next(i for i, line in enumerate(source) if line[:1] != "#")]]
    first = [plain(line) for line in first if not line.startswith("@package")]
    rows = list(keys(yaml.compose(text), source))
    table = ["| key | value | |", "|---|---|---|", *(f"| {' | '.join(map(cell, row))} |" for row in rows)]
    return ["\n".join(first), "", *(table if rows else []), ""]


def keys(node, source, before=""):
    """(key, value, comment) of every key under a mapping."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        name = before + key.value
        if name in WHOLE:
            continue
        if isinstance(value, yaml.MappingNode) and value.value and not value.flow_style:
            yield from keys(value, source, f"{name}.")
            continue
        start, end = value.start_mark, value.end_mark
        if start.line == end.line:
            line = source[start.line]
            yield (
                f"`{name}`",
                f"`{line[start.column : end.column]}`",
                plain(line[end.column :].partition("#")[2].strip()),
            )
        else:
            yield f"`{name}`", "several lines", ""


def plain(comment):
    """A comment as Markdown: `<run folder>` outside of code is no HTML."""
    return "`".join(part if i % 2 else part.replace("<", "&lt;") for i, part in enumerate(comment.split("`")))


def cell(text):
    return text.replace("|", "\\|")


def write(_app):
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


def setup(app):
    app.connect("builder-inited", write)
