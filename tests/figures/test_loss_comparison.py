"""Loss curves of several models and seeds."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from src.figures.loss_comparison import LossGroup, loss_comparison
from src.figures.palette import colours

X = np.arange(1.0, 12.0) * 5_000


def group(label, random, seeds=4, x=X, band=True):
    """Random curves; centre and band are unrelated numbers, as the figure computes none."""
    curves = [(x, random.lognormal(size=x.size)) for _ in range(seeds)]
    outer = np.sort(random.lognormal(size=(2, x.size)), axis=0)
    return LossGroup(label, curves, x, random.lognormal(size=x.size), outer if band else None)


def thick(ax):
    return [line for line in ax.lines if line.get_linewidth() == 2.0]


def thin(ax):
    return [line for line in ax.lines if line.get_linewidth() < 1.0]


def test_every_seed_the_centre_and_the_band(random, draw):
    groups = [group("ntm", random, 4), group("gru", random, 5, band=False)]
    figure = loss_comparison({"repeat copy": groups}, "training sequences", "loss (nats)")
    draw(figure)
    (ax,) = figure.axes
    seeds = [seed for one in groups for seed in one.seeds]
    for line, seed in zip(thin(ax), seeds, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack(seed, 1))
    for line, one in zip(thick(ax), groups, strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([one.x, one.centre], 1))
    (band,) = ax.collections
    outline = band.get_paths()[0].vertices
    for value in np.concatenate(groups[0].band):
        assert np.isclose(outline[:, 1], value).any()
    assert (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) == (
        "repeat copy",
        "training sequences",
        "loss (nats)",
    )
    assert ax.get_yscale() == "log"
    assert "A run that has ended keeps its last value" in figure.get_supxlabel()
    assert "interquartile mean over seeds. Band: the middle half" in figure.get_supxlabel()


def test_a_label_without_points_is_only_counted(random, draw):
    empty = LossGroup("a", [(np.zeros(0), np.zeros(0))] * 3, np.zeros(0), np.zeros(0), None)
    figure = loss_comparison({"t": [empty], "u": [group("a", random, 3)]}, "x", "y")
    draw(figure)
    assert thick(figure.axes[0])[0].get_xydata().size == 0
    assert "Band" in figure.get_supxlabel()
    assert "Band" not in loss_comparison({"t": [empty]}, "x", "y").get_supxlabel()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a (3)"]


def test_an_infinite_loss_is_no_error(draw):
    y = np.array([3.0, 2.0, np.inf])
    figure = loss_comparison({"t": [LossGroup("a", [(X[:3], y)], X[:3], y, np.stack([y, y]))]}, "x", "y")
    draw(figure)
    assert thick(figure.axes[0])[0].get_ydata()[:2].tolist() == [3.0, 2.0]


def test_panels_of_their_own_tasks(random, draw):
    panels = {
        "copy": [group("ntm", random, 3), group("gru", random, 2)],
        "recall": [group("gru", random, 4, X / 100)],
        "sort": [group("lstm", random, 1)],
    }
    figure = loss_comparison(panels, "training sequences", "loss", order=["mlp", "gru", "ntm"])
    draw(figure)
    assert [ax.get_title() for ax in figure.axes] == list(panels)
    assert [len(thin(ax)) for ax in figure.axes] == [5, 4, 1]
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "training sequences", "training sequences"]
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "", "loss"]
    assert {ax.get_yscale() for ax in figure.axes} == {"log"}
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["gru (2 to 4)", "ntm (3)", "lstm (1)"]
    expected = colours(["gru", "ntm", "lstm"], ["mlp", "gru", "ntm"])
    assert same_color(thick(figure.axes[1])[0].get_color(), expected["gru"])
    assert same_color(thick(figure.axes[2])[0].get_color(), expected["lstm"])
    handles = figure.legends[0].legend_handles
    assert same_color([handle.get_color() for handle in handles], [expected[t.split()[0]] for t in texts])


@pytest.mark.parametrize("count", [1, 4])
def test_many_long_labels_fit(count, random, draw):
    labels = [f"sigma_init={s} carry={c}" for s in (0.3, 0.5, 1, 2, 4) for c in ("position", "weighting")]
    groups = [group(label, random, 2) for label in labels]
    figure = loss_comparison({f"task {k}": groups for k in range(count)}, "training sequences", "loss (nats)")
    draw(figure)
    assert len(figure.legends[0].get_texts()) == 10
    assert figure.get_figwidth() * 150 <= 1650
    width = min(ax.get_window_extent().width for ax in figure.axes) / figure.dpi
    assert width > 2.5


def test_baselines_are_lines_in_the_panels_of_their_tasks(random, draw):
    panels = {"copy": [group("ntm", random)], "sort": [group("ntm", random)]}
    lines = {"guessing": {"copy": 0.7, "other": 3.0}, "best possible": {"sort": 1e-3}}
    figure = loss_comparison(panels, "x", "y", lines=lines)
    draw(figure)
    across = [
        [(line.get_linestyle(), line.get_ydata()[0]) for line in ax.lines if line.get_linestyle() != "-"]
        for ax in figure.axes
    ]
    assert across == [[("--", 0.7)], [(":", 1e-3)]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ntm (4)", "guessing", "best possible"]
