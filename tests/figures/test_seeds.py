"""Values of a metric over seeds."""

import numpy as np
import pytest
from matplotlib.colors import same_color

from src.figures.palette import colours
from src.figures.seeds import SeedGroup, draw_lines, seeds

INF = np.inf


def group(label, values):
    x = np.array(values, dtype=float)
    return SeedGroup(label, x, float(np.median(x)), (float(x.min()), float(x.max())))


def dots(ax, marker="o"):
    """[n, 2] of each column that has any."""
    lines = [line for line in ax.lines if line.get_marker() == marker and len(line.get_xdata())]
    return [line.get_xydata() for line in lines]


def bars(ax):
    """(left, right, centre) of each mark."""
    lines = [line for line in ax.lines if line.get_linewidth() == 4.0]
    return [(*line.get_xdata(), line.get_ydata()[0]) for line in lines]


def intervals(ax):
    return [tuple(line.get_ydata()) for line in ax.lines if line.get_linewidth() == 1.2]


def test_every_seed_is_a_dot_beside_the_mark(draw, random):
    groups = [group("ntm", random.normal(size=10)), group("gru", random.normal(size=7)), group("lstm", [0.5])]
    figure = seeds({"10x20": groups}, "payload error")
    draw(figure)
    (ax,) = figure.axes
    for column, (one, points, bar) in enumerate(zip(groups, dots(ax), bars(ax), strict=True)):
        np.testing.assert_array_equal(points[:, 1], one.values)
        assert len(set(points[:, 0])) == len(one.values)
        assert column - 0.5 < points[:, 0].min() <= points[:, 0].max() < bar[0] < bar[1] < column + 0.5
        assert bar[2] == one.centre
    assert intervals(ax) == [one.interval for one in groups]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["ntm", "gru", "lstm"]
    assert (ax.get_title(), ax.get_ylabel()) == ("10x20", "payload error")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["a seed", "interquartile mean and its 95 % interval"]


def test_no_interval_is_drawn_where_there_is_none(draw):
    few, many = SeedGroup("ntm", np.array([1.0, 3.0]), 2.0), group("gru", [1.0, 2.0, 4.0])
    figure = seeds({"a": [few]}, "x")
    draw(figure)
    assert intervals(figure.axes[0]) == []
    assert figure.legends[0].get_texts()[1].get_text() == "interquartile mean"
    both = seeds({"a": [few, many]}, "x")
    assert intervals(both.axes[0]) == [(1.0, 4.0)]
    assert [centre for _, _, centre in bars(both.axes[0])] == [2.0, 2.0]


def test_a_seed_has_the_same_position_in_every_column(random):
    figure = seeds({"a": [group("ntm", random.normal(size=5)), group("gru", random.normal(size=5))]}, "x")
    first, second = dots(figure.axes[0])
    np.testing.assert_allclose(first[:, 0] + 1, second[:, 0])


def test_failed_runs_are_at_the_edge(draw):
    groups = [
        SeedGroup("ntm", np.array([1.0, INF, 3.0, INF]), 2.0, (1.0, INF)),
        SeedGroup("gru", np.array([2.0, 5.0, -INF]), INF, (4.0, INF)),
    ]
    figure = seeds({"a": groups}, "bits")
    draw(figure)
    (ax,) = figure.axes
    low, high = ax.get_ylim()
    ntm, gru = dots(ax)
    assert (ntm[:, 1].tolist(), gru[:, 1].tolist()) == ([1, 3], [2, 5])
    (failed,), (under,) = dots(ax, "^"), dots(ax, "v")
    assert len(failed) == 2
    assert np.all((failed[:, 1] > 5) & (failed[:, 1] < high))
    assert not set(failed[:, 0]) & set(ntm[:, 0])
    assert low < under[0, 1] < 1
    assert intervals(ax)[0] == (1, failed[0, 1])
    assert bars(ax)[1][2] == failed[0, 1]
    assert "infinite: failed" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_nothing_finite_is_no_error(draw):
    figure = seeds({"a": [SeedGroup("ntm", np.array([INF, INF]), INF, (INF, INF))]}, "bits")
    draw(figure)
    assert len(dots(figure.axes[0], "^")[0]) == 2


def test_lines_to_compare_with(draw, random):
    lines = {"MLP": 0.6075, "GRU": 0.8125, "NTM": 0.8337, "DMS-NTM": 0.8087}
    panels = {t: [group("ntm", 0.9 + 0.01 * random.normal(size=6))] for t in "abc"}
    figure = seeds(panels, "accuracy", {"a": lines, "b": {"GRU": 0.7}})
    draw(figure)
    for ax, expected in zip(figure.axes, (lines, {"GRU": 0.7}, {}), strict=True):
        drawn = [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]
        assert sorted(drawn) == sorted(expected.values())
        low, high = ax.get_ylim()
        assert all(low < value < high for value in drawn)
    assert [len(ax.texts) for ax in figure.axes] == [4, 1, 0]
    ax = figure.axes[0]
    names = [text.get_text() for text in ax.texts]
    assert names == ["MLP 0.6075", "DMS-NTM 0.8087", "GRU 0.8125", "NTM 0.8337"]
    low, high = ax.get_ylim()
    at = [text.xy[1] for text in ax.texts]
    np.testing.assert_allclose(at, [(value - low) / (high - low) for value in sorted(lines.values())])


def test_a_line_beyond_the_values_widens_the_axes(random):
    figure = seeds({"a": [group("ntm", [1.0, 2.0])]}, "x")
    ax = figure.axes[0]
    draw_lines(ax, {"far": 9.0})
    assert ax.get_ylim()[0] < 1
    assert ax.get_ylim()[1] > 9


def test_panels_with_the_same_groups_name_them_below_only(draw, random):
    same = [group(label, random.normal(size=4)) for label in ("ntm", "gru")]
    alike = seeds(dict.fromkeys("abcd", same), "x")
    draw(alike)
    shown = [ax.xaxis.get_tick_params()["labelbottom"] for ax in alike.axes]
    assert shown == [False, False, True, True]
    other = seeds({"a": same, "b": same[:1], "c": same}, "x")
    draw(other)
    assert all(ax.xaxis.get_tick_params().get("labelbottom", True) for ax in other.axes)
    assert [ax.get_ylabel() for ax in other.axes] == ["x", "", "x"]


def test_a_label_has_one_colour_everywhere(random):
    ntm, gru = (group(label, random.normal(size=3)) for label in ("ntm", "gru"))
    figure = seeds({"a": [ntm, gru], "b": [gru]}, "x", order=["lstm", "gru"])
    expected = colours(["ntm"], ["lstm", "gru"])
    drawn = [[line.get_color() for line in ax.lines if line.get_linewidth() == 4.0] for ax in figure.axes]
    assert same_color(drawn[0], [expected["ntm"], expected["gru"]])
    assert same_color(drawn[1], [expected["gru"]])


@pytest.mark.parametrize("count", [1, 4])
def test_many_long_labels_fit(count, random, draw):
    labels = [f"sigma_init={s} carry={c}" for s in (0.3, 0.5, 1, 2, 4) for c in ("position", "weighting")]
    groups = [group(label, random.normal(size=10)) for label in labels]
    figure = seeds({f"{k}x20": groups for k in range(count)}, "payload error")
    draw(figure)
    assert figure.get_figwidth() * 150 <= 1600
    assert min(ax.get_window_extent().height for ax in figure.axes) / figure.dpi > 1.5


def test_forty_columns_have_labels_that_are_apart(random, draw):
    draw(seeds({"a": [group(f"sigma_init={k}", random.normal(size=3)) for k in range(40)]}, "x"))


@pytest.mark.parametrize("count", [3, 12])
def test_long_labels_are_wrapped_where_there_is_room_and_do_not_overlap(count, random, draw):
    name = "dms_ntm controller=counter_lstm input_skip.read=[false,true] input_skip.write=False"
    groups = [group(f"{name} {k}", random.normal(size=5)) for k in range(count)]
    figure = seeds({"a": groups, "b": groups}, "payload error")
    draw(figure)
    labels = [text.get_text() for text in figure.axes[-1].get_xticklabels()]
    assert all(" ".join(label.split()) == one.label for label, one in zip(labels, groups, strict=True))
    assert all(("\n" in label) == (count == 3) for label in labels)
