"""Class probabilities at each step of a sequence."""

import numpy as np

from .style import Figure, default_style


@default_style()
def reading(x: np.ndarray, probabilities: np.ndarray, answer: int, title: str) -> Figure:
    """Two panels: the input above, the probability of every class below.

    Args:
        x: the sequence, [T].
        probabilities: of the classes, [T, classes], or [1, classes] where the network answers once.
        answer: the correct class, drawn as a thick line.
        title: of the figure.
    """
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    above, below = figure.subplots(2, 1, gridspec_kw={"height_ratios": [1, 1.4]})
    figure.suptitle(title)
    above.plot(np.arange(len(x)), x, color="0.2", marker=".", markersize=4)
    above.set_ylabel("input")
    above.set_xlabel("step")
    above.margins(x=0.01)
    colours = [f"C{k}" for k in range(probabilities.shape[1])]
    if len(probabilities) == 1:
        below.bar(np.arange(probabilities.shape[1]), probabilities[0], color=colours)
        below.set_xticks(np.arange(probabilities.shape[1]))
        below.set_xlabel(f"class (right: {answer})")
    else:
        for k, curve in enumerate(probabilities.T):
            right = k == answer
            below.plot(
                np.arange(len(curve)),
                curve,
                color=colours[k],
                linewidth=2.5 if right else 1.0,
                label=f"{k} (right)" if right else f"{k}",
            )
        below.legend(title="class", loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
        below.set_xlabel("step")
        below.margins(x=0.01)
    below.set_ylim(0, 1.02)
    below.set_ylabel("probability")
    return figure
