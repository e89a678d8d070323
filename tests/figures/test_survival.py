"""Share solved over time."""

import numpy as np
from matplotlib.colors import same_color

from src.figures.palette import colours
from src.figures.survival import SurvivalCurve, survival

NONE = np.zeros(0)
NTM = SurvivalCurve(
    np.array([0.0, 20_000.0, 50_000.0]),
    np.array([0.0, 0.25, 0.5]),
    np.array([[0.0, 0.1, 0.2], [0.3, 0.6, 0.9]]),
    np.array([30_000.0, 50_000.0, np.inf]),
)
GRU = SurvivalCurve(np.array([0.0, 40_000.0]), np.array([0.0, 1.0]), np.array([[0.0, 0.7], [0.3, 1.0]]), NONE)
NEVER = SurvivalCurve(np.zeros(1), np.zeros(1), np.array([[0.0], [0.2]]), np.array([np.inf]))


def curves(ax):
    return [line for line in ax.lines if line.get_linestyle() == "-"]


def ticks(ax):
    return [line for line in ax.lines if line.get_linestyle() == "None"]


def test_step_curves_their_bands_and_ticks(draw):
    figure = survival({"repeat copy": {"ntm": NTM, "gru": GRU}}, "training sequences")
    draw(figure)
    (ax,) = figure.axes
    ntm, gru = curves(ax)
    assert ntm.get_drawstyle() == gru.get_drawstyle() == "steps-post"
    assert ntm.get_xydata().tolist() == [[0, 0], [20_000, 0.25], [50_000, 0.5], [50_000, 0.5]]
    # The curve extends to the latest time of the panel.
    assert gru.get_xydata().tolist() == [[0, 0], [40_000, 1], [50_000, 1]]
    assert [line.get_xydata().tolist() for line in ticks(ax)] == [[[30_000, 0.25], [50_000, 0.5]], []]
    band = ax.collections[0].get_paths()[0].vertices.tolist()
    assert [20_000, 0.1] in band
    assert [20_000, 0.6] in band
    assert [50_000, 0.3] not in band
    assert [20_000, 0.0] in band  # a step: the old bound holds until the new one
    low, high = ax.get_ylim()
    assert -0.1 < low < 0
    assert 1 < high < 1.1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("training sequences", "Share solved")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ntm", "gru", "ended unsolved"]


def test_a_label_that_never_solves_is_a_line_at_zero(draw):
    figure = survival({"t": {"never": NEVER, "gru": GRU}}, "x")
    draw(figure)
    never = curves(figure.axes[0])[0]
    assert never.get_xydata().tolist() == [[0, 0], [40_000, 0]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["never", "gru"]


def test_no_band_is_drawn_where_there_is_none(draw):
    figure = survival({"t": {"ntm": NTM._replace(band=None), "gru": GRU}}, "x")
    draw(figure)
    (ax,) = figure.axes
    assert len(curves(ax)) == 2
    assert len(ax.collections) == 1


def test_panels_have_their_own_time_and_labels_one_colour(draw):
    short = GRU._replace(times=GRU.times / 1000)
    panels = {"copy": {"ntm": NTM, "gru": GRU}, "recall": {"gru": short}, "sort": {"lstm": NTM}}
    figure = survival(panels, "training sequences", order=["mlp", "gru"])
    draw(figure)
    assert [len(curves(ax)) for ax in figure.axes] == [2, 1, 1]
    assert [ax.get_title() for ax in figure.axes] == list(panels)
    assert figure.axes[1].get_xlim()[1] < 50
    expected = colours(["ntm", "lstm"], ["mlp", "gru"])
    drawn = [curves(ax)[0].get_color() for ax in figure.axes]
    assert same_color(drawn, [expected["ntm"], expected["gru"], expected["lstm"]])
    handles = figure.legends[0].legend_handles
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["gru", "ntm", "lstm", "ended unsolved"]
    assert same_color([handle.get_color() for handle in handles[:3]], [expected[text] for text in texts[:3]])
    assert [ax.get_ylabel() for ax in figure.axes] == ["Share solved", "", "Share solved"]


def test_many_long_labels_and_panels_fit(draw):
    labels = [f"sigma_init={s} carry={c}" for s in (0.3, 0.5, 1, 2, 4) for c in ("position", "weighting")]
    figure = survival({f"task {k}": dict.fromkeys(labels, NTM) for k in range(4)}, "training sequences")
    draw(figure)
    assert figure.get_figwidth() * 150 <= 1650
    assert min(ax.get_window_extent().width for ax in figure.axes) / figure.dpi > 2.5
