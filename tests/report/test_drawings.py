"""Figures of a report: the numbers are those of the tables and of the captions."""

import pytest
from matplotlib.colors import to_hex

from src.figures.palette import MODELS
from src.report import cell_drawings, drawings, records, settings_drawing, statistics
from src.report.kinds import TableKind
from src.report.tables import TableOptions
from tests.figure_drawing import off
from tests.helpers import train_small
from tests.report.test_publication import report, table
from tests.report.test_summary import BITS, CLASSES, bit_row, class_row

pytestmark = pytest.mark.drawn


def test_a_reference_is_a_line_in_the_panel_of_its_own_set() -> None:
    rows = [class_row("gru", s, 0.9 + s / 100, 0.8 + s / 100) for s in range(5)]
    rows += [class_row("cnn", s, 0.95, 0.7 + s / 100) for s in range(5)]
    drawing = drawings.draw_seeds(rows, CLASSES, TableOptions(reference=("cnn",)), "seeds", [])
    assert drawing is not None
    dashed = {
        ax.get_title(): [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"]
        for ax in drawing.figure.axes
    }
    expected = statistics.interquartile_mean([0.7 + s / 100 for s in range(5)])
    assert dashed == {"test": [pytest.approx(0.95)], "generated": [pytest.approx(expected)]}


def test_the_panels_name_their_metrics_where_these_differ() -> None:
    kind = TableKind("", "bits", [("10x20", "payload_error"), ("20x10", "end_exact")])
    drawing = drawings.draw_seeds([bit_row("ntm", s, 1.0) for s in range(2)], kind, TableOptions(), "seeds", [])
    assert drawing is not None
    assert [ax.get_title() for ax in drawing.figure.axes] == ["payload error 10x20", "end exact 20x10"]
    assert drawing.figure.axes[0].get_ylabel() == "payload error or end exact"


def test_a_model_has_one_colour_in_every_figure() -> None:
    rows = [bit_row(model, s, 1.0 + s, 50_000) for model in ("mine", "ntm", "lstm") for s in range(2)]
    points = [
        {"table": "t", "row": row["row"], "seed": row["seed"], "sequences": str(n), "loss": "1"}
        for row in rows
        for n in (1, 2)
    ]
    drawn = [
        drawings.draw_seeds(rows, BITS, TableOptions(), "seeds", []),
        drawings.draw_survival(rows[2:], BITS, "survival", []),
        drawings.draw_losses(points[::-1], {"t": BITS}, []),
    ]
    found = []
    for drawing in drawn:
        assert drawing is not None
        found.append({to_hex(line.get_color()).upper() for line in drawing.figure.axes[0].lines})
    for used in found:
        assert {MODELS["ntm"], MODELS["lstm"]} <= used
    assert len(found[0] & found[2]) == 3


def test_the_caption_of_the_map_of_settings_names_the_statistic_of_each_panel() -> None:
    def rows(make):
        return [
            make("gru", s, 0.5 + s / 10) | {"setting.a": str(a), "setting.b": str(b)}
            for s in range(2)
            for a in (1, 2)
            for b in (3, 4)
        ]

    bits = settings_drawing.draw_settings(rows(bit_row), BITS, "settings")
    classes = settings_drawing.draw_settings(
        rows(class_row), CLASSES._replace(headlines=[("test", "accuracy")]), "s"
    )
    assert bits is not None
    assert classes is not None
    assert bits.caption.startswith(
        "By a and b: share solved, and interquartile means of the metrics, over all runs"
    )
    assert classes.caption.startswith("By a and b: interquartile means of the metrics, over all runs")
    dark = {
        ax.get_title(): ax.images[0].get_cmap()(1.0)[:3] < ax.images[0].get_cmap()(0.0)[:3]
        for ax in bits.figure.axes
        if ax.images
    }
    assert dark == {
        "share solved": True,
        "error bits in distribution": False,
        "payload error 10x20": False,
        "payload error 20x10": False,
    }


def test_the_map_of_more_settings_has_the_one_with_most_values_across_and_combinations_down():
    """A schedule is one setting, though its keys are columns of their own; as null it is left out."""
    wide = {"setting.model.plan.factor": "4", "setting.model.plan.share": "0.6"}
    null = dict.fromkeys(wide, "")
    crossed = [(a, b, c) for a in ("0.3", "1.0", "10.0") for b in (null, wide) for c in ("1", "3")]
    rows = [
        bit_row("dms_ntm", seed, float(a)) | {"setting.model.c": c, "setting.model.a": a, **b}
        for a, b, c in crossed
        if (b, c) != (null, "3")
        for seed in range(2)
    ]
    drawing = settings_drawing.draw_settings(rows, BITS, "settings")
    assert drawing is not None
    ax = drawing.figure.axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.3", "1.0", "10.0"]
    labels = ["c=1", "c=1 plan=factor=4 share=0.6", "c=3 plan=factor=4 share=0.6"]
    assert [label.get_text() for label in ax.get_yticklabels()] == labels
    assert {one.get_xlabel() for one in drawing.figure.axes} == {"", "a"}
    assert (ax.get_title(), ax.images[0].get_clim()) == ("share solved", (0.0, 1.0))  # though no run is solved
    assert drawing.caption.startswith("By c, a and plan: share solved")
    errors = [line for line in drawing.data if line["measure"] == "error bits in distribution"]
    found = {(line["setting.model.a"], line["value"]) for line in errors}
    assert found == {("0.3", 0.3), ("1.0", 1.0), ("10.0", 10.0)}
    assert {line["runs"] for line in errors} == {2}
    assert len(errors) == 9


def test_settings_that_were_changed_one_at_a_time_make_no_map():
    changed = [{}, {"setting.model.a": "1"}, {"setting.model.b": "1"}, {"setting.model.c": "1"}]
    rows = [bit_row("dms_ntm", 0, 1.0) | one for one in changed]
    assert settings_drawing.draw_settings(rows, BITS, "settings") is None


def test_a_grid_is_darker_where_the_metric_is_better() -> None:
    rows = [bit_row("ntm", 0, 1.0) | {"10x10.payload_error": "0.1", "20x20.payload_error": "0.3"}]
    rows[0] |= {"10x10.end_exact": "1", "20x20.end_exact": "0"}
    found = {one.name: one for one in cell_drawings.draw_cells(rows, BITS, "grid")}
    for name, better, worse in (("grid_payload_error", 0.0, 0.3), ("grid_end_exact", 1.0, 0.0)):
        image = found[name].figure.axes[0].images[0]
        assert sum(image.to_rgba(better)[:3]) < sum(image.to_rgba(worse)[:3])


def test_without_a_share_among_the_headlines_seeds_and_median_runs_are_of_all_of_them() -> None:
    kind = TableKind("", "predicted_bits", [("in_distribution", "bits"), ("long", "bits")])
    bits = ("30", "10", "", "20", "nan")
    rows = [bit_row("ntm", s, 1.0) | {"in_distribution.bits": "5", "long.bits": b} for s, b in enumerate(bits)]
    known = {"long": {"optimum": {"bits": 7.5}}}
    drawing = drawings.draw_seeds(rows[:4], kind._replace(baselines=known), TableOptions(), "seeds", [])
    assert drawing is not None
    assert [ax.get_title() for ax in drawing.figure.axes] == ["in distribution", "long"]
    assert [line["value"] for line in drawing.data if line["test"] == "long" and "value" in line] == [30, 10, 20]
    assert {"test": "long", "row": "best possible", "iqm": 7.5} in drawing.data
    order = records.by_rank([(row["seed"], row) for row in rows], kind)
    assert order[0] == "0"  # 10, 20, 30, and two that are infinitely bad
    assert records.best_variants([rows[0], bit_row("gru", 9, 1.0, status="diverged")], kind) == ["ntm", "gru"]


def test_captions_say_by_what_the_median_run_was_chosen() -> None:
    assert drawings._chosen_by(BITS) == " (by the mean of its payload error 10x20 and payload error 20x10)"
    assert drawings._chosen_by(CLASSES._replace(headlines=[("test", "accuracy")])) == " (by accuracy test)"
    without_shares = BITS._replace(headlines=BITS.headlines[:1])
    assert drawings._chosen_by(without_shares) == " (by error bits in distribution)"


@off()
def test_the_answers_shown_are_those_of_the_headline_cells(tmp_path) -> None:
    """Although the largest cell of training, which is an example too, is the first of the test cells."""
    train_small(tmp_path / "run", "task.test_cells=[[3,2],[3,4],[4,3]]", model="lstm")
    report(tmp_path / "run", tmp_path / "report")
    answers = table(tmp_path / "report" / "figures" / "target_output.csv")
    dots = table(tmp_path / "report" / "figures" / "seeds.csv")
    assert {row["cell"] for row in answers} == {row["test"] for row in dots} == {"3x2", "3x4"}


@pytest.mark.parametrize(("objective", "last"), [("bits", "end"), ("bits_without_end", "2"), ("symbols", "2")])
def test_answers_have_an_end_marker_where_the_objective_has_one(objective: str, last: str) -> None:
    values = {f"{name} {i}": "0.5" for name in ("target", "output") for i in (1, 2)}
    answers = [{"row": "ntm", "seed": "0", "title": "Length 3", "cell": "3", **values} for _ in range(3)]
    drawing = drawings.draw_answers(answers, [], TableKind("", objective, []), "target_output", "jet", [])
    assert drawing is not None
    labels = [text.get_text() for text in drawing.figure.axes[0].get_yticklabels()]
    assert labels == ["1", last]


@pytest.mark.parametrize(("steps", "label"), [("345", "Time (steps)"), ("358", "Number of the answer")])
def test_answers_that_do_not_follow_one_another_are_numbered(steps: str, label: str) -> None:
    of = {"row": "ntm", "seed": "0", "title": "Length 3", "cell": "3", "target 1": "1", "output 1": "0"}
    answers = [{**of, "step": step} for step in steps]
    drawing = drawings.draw_answers(answers, [], TableKind("", "symbols", []), "target_output", "jet", [])
    assert drawing is not None
    assert drawing.figure.axes[1].get_xlabel() == label


def test_loss_curves_have_the_baselines_of_the_set_that_is_drawn_as_validation() -> None:
    known = {"near": {"chance": {"loss": 0.7}, "optimum": {"loss": 0.2}}, "far": {"chance": {"loss": 0.9}}}
    kind = TableKind("", "predicted_bits", [("near", "bits"), ("far", "bits")], baselines=known)
    points = [
        {"table": table, "row": "ntm", "seed": "0", "sequences": str(n), "loss": "0.6"}
        for table in ("a", "b")
        for n in (1, 2)
    ]
    drawing = drawings.draw_losses(points, {"a": kind, "b": kind._replace(baselines={})}, [])
    assert drawing is not None
    across = [
        [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() != "-"] for ax in drawing.figure.axes
    ]
    assert across == [[0.7, 0.2], []]
    assert "Across, without a model: guessing, best possible" in drawing.caption
