"""Reports on synthetic and trained runs, and the command."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from src.common.files import write_json
from src.common.paths import CONF
from src.figures.style import Figure
from src.report import publication
from src.report.gather import Problem
from src.report.request import read_request
from src.run.load import load_run
from src.settings import keys
from src.settings.errors import ConfigError
from tests.figure_drawing import off
from tests.helpers import train_small
from tests.report.conftest import CELLS, bits

ROOT = Path(__file__).resolve().parents[2]


def request(*overrides):
    with initialize_config_dir(CONF, version_base="1.3"):
        return read_request(keys.resolve(compose("report", list(overrides))))


def report(top, out, *overrides):
    its = request(f"runs={top}", f"out={out}", *overrides)
    return publication.make(its, publication.collect(its))


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def two_models(fake):
    """Runs of two models and five seeds, the second worse and once diverged."""
    for seed in range(5):
        fake(f"ntm{seed}", "model=ntm", f"seed={seed}", errors=(0.0, 0.1 + seed / 100, 0.05))
        worse = {"status": "diverged", "test": {}} if seed == 4 else {}
        fake(f"lstm{seed}", "model=lstm", f"seed={seed}", errors=(0.1, 0.4, 0.3 + seed / 100), **worse)
    return fake.top


@pytest.mark.drawn
def test_every_file_is_there_and_every_figure_has_its_data(two_models, tmp_path):
    out = tmp_path / "report"
    assert report(two_models, out, "pictures=false") == []
    assert {path.name for path in out.iterdir()} == {
        "runs.csv",
        "report.md",
        "index.html",
        "report.json",
        "figures",
    }
    pictures = {path.stem for path in (out / "figures").glob("*.png")}
    assert pictures == {"loss_comparison", "survival", "seeds", "grid_payload_error", "grid_end_exact"}
    assert pictures == {path.stem for path in (out / "figures").glob("*.csv")}
    for name in pictures:
        picture = matplotlib.image.imread(out / "figures" / f"{name}.png")
        assert picture.shape[0] > 200
        assert np.ptp(picture[..., :3]) == 1.0
        assert f"figures/{name}.csv" in (out / "report.md").read_text()
        assert f"figures/{name}.csv" in (out / "index.html").read_text()
    assert len(table(out / "runs.csv")) == 10
    page = (out / "report.md").read_text()
    assert "10 runs in 2 rows. Diverged, and counted as failures: 1." in page
    assert "| ntm | 5 | 0 | 5/5 [0.57, 1.00] | 6,000 | 30 |" in page
    assert "| lstm | 5 | 1 | 0/5 [0.00, 0.43] | — |" in page


def test_a_failed_report_keeps_the_previous_one(two_models, tmp_path, monkeypatch):
    out = tmp_path / "report"
    report(two_models, out, "pictures=false")
    before = {path: path.read_bytes() for path in tmp_path.rglob("report/**/*") if path.is_file()}

    def never(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("src.report.drawings.draw_survival", never)
    for again in (lambda: report(two_models, out), lambda: publication.rebuild(request(f"runs={out}/runs.csv"))):
        with pytest.raises(KeyboardInterrupt):
            again()
        assert {path: path.read_bytes() for path in tmp_path.rglob("report/**/*") if path.is_file()} == before
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_nothing_of_an_earlier_report_is_left(fake, tmp_path):
    fake("a", "model=ntm")
    fake("b", "model=ntm", "task.max_length=5")
    out = tmp_path / "report"
    report(fake.top, out, "pictures=false")
    assert (out / "figures" / "seeds_2.png").exists()
    report(fake.top / "a", out, "pictures=false")
    assert not list((out / "figures").glob("*_[12]*"))


def test_a_run_that_diverged_counts_as_infinite_in_the_curves(two_models, tmp_path):
    report(two_models, tmp_path / "report", "pictures=false")
    curves = table(tmp_path / "report" / "figures" / "loss_comparison.csv")
    ends = {row["seed"]: row for row in curves if row["row"] == "lstm"}
    assert (ends["4"]["loss"], ends["4"]["sequences"]) == ("inf", "8000")
    assert float(ends["3"]["loss"]) < 1.0
    ended = table(tmp_path / "report" / "figures" / "survival.csv")
    assert [row["ended"] for row in ended if row["ended"]] == ["finished"] * 4 + ["diverged"]


def test_later_evaluations_do_not_change_what_a_table_leads_with(two_models, tmp_path):
    tests = {name: {"payload_error": 0.01, "end_exact": 1.0} for name in ("5x5", "30x10", "10x20")}
    content = {"checkpoint": "best", "test": tests, "git_revision": "a" * 40}
    write_json(two_models / "ntm1" / "evaluation.json", content)
    write_json(two_models / "ntm2" / "evaluation.json", content | {"git_revision": "c" * 40})
    problems = report(two_models, tmp_path / "report", "pictures=false")
    told = "evaluation.json is of another version of the code than the run"
    assert [(problem.run, problem.what, problem.counted) for problem in problems] == [("ntm2", told, True)]
    page = (tmp_path / "report" / "report.md").read_text()
    assert "| payload error 10x20: IQM [95 %] | payload error 20x10: IQM [95 %] |" in page
    assert "| ntm | 30x10 | 2 | 0.010 |" in page
    assert "payload error 30x10" not in page


def test_a_report_may_lead_with_a_larger_memory(two_models, tmp_path):
    tests = {name: bits(0.01) for name in CELLS}
    for seed in range(1, 5):
        content = {"checkpoint": "best", "memory_slots": 256, "test": tests, "git_revision": "c" * 40}
        write_json(two_models / f"ntm{seed}" / "evaluation.json", content)
    problems = report(two_models, tmp_path / "report", "pictures=false", "memory_slots=256", "pool_versions=true")
    lacking = "has no error_bits of in_distribution, payload_error of 10x20, payload_error of 20x10"
    assert problems == [Problem("ntm0", lacking, counted=True)]
    page = (tmp_path / "report" / "report.md").read_text()
    assert "Models with a memory are tested and shown with 256 slots" in page
    assert "| ntm | 10x20 | 4 | 0.010 |" in page
    assert "| ntm | 10x20 with 128 slots | 5 | 0.120 |" in page
    assert f"4 runs: evaluated later, by code {'c' * 40}" in page


def test_a_run_that_was_not_tested_everywhere_is_named(two_models, tmp_path):
    metrics = json.loads((two_models / "ntm1" / "metrics.json").read_text())
    del metrics["test"]["20x10"]
    write_json(two_models / "ntm1" / "metrics.json", metrics)
    (problem,) = report(two_models, tmp_path / "report", "pictures=false")
    assert problem == Problem("ntm1", "has no payload_error of 20x10", counted=True)


def test_settings_given_for_a_redraw_override(two_models, tmp_path):
    out = tmp_path / "report"
    report(two_models, out, "title=One", "margin=0.5", "pictures=false")
    assert json.loads((out / "report.json").read_text())["settings"]["cmap"] == "jet"  # that of the runs
    given = ("title=Two", "published.values={ntm: 0.25}", "figure.cmap=viridis")
    publication.rebuild(request(f"runs={out}/runs.csv", *given))
    assert json.loads((out / "report.json").read_text())["settings"]["cmap"] == "viridis"
    page = (out / "report.md").read_text()
    assert "# Two\n" in page
    assert "within ±0.5" in page
    assert "| 0.250 |" in page


def test_the_table_of_tuning_runs_is_copied_into_the_report(two_models, tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n")
    report(two_models, tmp_path / "report", f"tuning={tmp_path}/t.csv", "pictures=false")
    assert (tmp_path / "report" / "tuning.csv").read_text() == "a\n1\n"
    assert "`tuning.csv`" in (tmp_path / "report" / "report.md").read_text()


def test_data_of_figures(two_models, tmp_path):
    report(two_models, tmp_path / "report", "pictures=false")
    figures = tmp_path / "report" / "figures"
    (cell,) = [
        row for row in table(figures / "grid_payload_error.csv")
        if (row["row"], row["length"], row["repeats"]) == ("ntm", "10", "20")
    ]  # fmt: skip
    assert (float(cell["payload_error"]), cell["runs"]) == (pytest.approx(0.12), "5")
    curve = [row for row in table(figures / "loss_comparison.csv") if (row["row"], row["seed"]) == ("lstm", "3")]
    assert [row["sequences"] for row in curve] == ["16", "32", "48"]
    assert float(curve[0]["loss"]) == pytest.approx(np.exp(-1), rel=1e-3)
    dots = [row for row in table(figures / "seeds.csv") if (row["row"], row["test"]) == ("lstm", "10x20")]
    assert sorted(float(row["value"]) for row in dots) == [0.4, 0.4, 0.4, 0.4, 1.0]
    steps = [row for row in table(figures / "survival.csv") if row["row"] == "ntm" and row["share_solved"]]
    assert [float(row["share_solved"]) for row in steps][-1] == 1.0


def test_a_redraw_from_its_own_files_is_identical(two_models, tmp_path):
    out = tmp_path / "report"
    report(two_models, out, "title=Of two", "command=make it", "against=lstm", "pictures=false")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    drawn = [path for path in before if path.suffix in (".png", ".md", ".html")]
    for path in drawn:
        path.unlink()
    assert publication.rebuild(request(f"runs={out / 'runs.csv'}")) == []
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert "# Of two" in (out / "report.md").read_text()
    assert "    make it" in (out / "report.md").read_text()


def test_figures_that_are_gone_are_drawn_again_from_runs_csv(two_models, tmp_path):
    out = tmp_path / "report"
    report(two_models, out, "pictures=false")
    before = (out / "figures" / "seeds.png").read_bytes()
    shutil.rmtree(out / "figures")
    assert publication.rebuild(request(f"runs={out / 'runs.csv'}")) == []
    assert (out / "figures" / "seeds.png").read_bytes() == before


def test_a_reference_is_shown_as_a_line_and_not_compared(two_models, tmp_path):
    report(two_models, tmp_path / "report", "reference=[lstm]", "pictures=false")
    its = table(tmp_path / "report" / "figures" / "seeds.csv")
    assert {row["row"] for row in its if row["value"]} == {"ntm"}
    lines = {(row["test"], row["row"]): float(row["iqm"]) for row in its if not row["value"]}
    # The values of the fifth run, which diverged, are 1.
    assert lines == pytest.approx({("10x20", "lstm"): 0.4, ("20x10", "lstm"): (0.31 + 0.32 + 0.33) / 3})
    page = (tmp_path / "report" / "report.md").read_text()
    assert "| lstm (reference) | 5 |" in page
    assert "**Contrasts**" not in page
    assert "Dashed: interquartile means of lstm." in page


def test_protocols_have_tables_of_their_own(fake, tmp_path):
    fake("a", "model=ntm")
    fake("b", "model=ntm", "task.max_length=5")
    fake("c", "model=gru", "task=mnist1d")
    report(fake.top, tmp_path / "report", "pictures=false")
    page = (tmp_path / "report" / "report.md").read_text()
    assert "kept apart, in 3 tables" in page
    for name in ("repeat_copy, max_length=10", "repeat_copy, max_length=5", "mnist1d"):
        assert f"## {name}\n" in page
    assert {"seeds_1.png", "seeds_2.png", "seeds_3.png", "loss_comparison.png"} <= {
        path.name for path in (tmp_path / "report" / "figures").iterdir()
    }


def test_problems_are_on_the_page_and_in_runs_csv(two_models, tmp_path):
    (two_models / "ntm2" / "metrics.json").write_text('{"status":')
    problems = report(two_models, tmp_path / "report", "pictures=false")
    assert [(problem.run, problem.counted) for problem in problems] == [("ntm2", False)]
    page = (tmp_path / "report" / "report.md").read_text()
    assert "## Not counted\n\n- `ntm2`: metrics.json is damaged (" in page
    (row,) = [row for row in table(tmp_path / "report" / "runs.csv") if row["counted"] == "no"]
    assert row["run"] == "ntm2"


def test_a_run_that_has_lost_its_solution_again_is_told(two_models, tmp_path):
    for seed, last in {1: 7.25, 2: 0.05}.items():
        (two_models / f"ntm{seed}" / "history.csv").write_text(
            f"update,sequences,loss,error_bits\n1,16,0.01,0.0\n2,32,0.5,{last}\n"
        )
    (two_models / "lstm0" / "history.csv").write_text("update,sequences,loss,error_bits\n1,16,0.01,9.0\n")
    problems = report(two_models, tmp_path / "report", "pictures=false")
    assert problems == [
        Problem(
            "ntm1",
            "solved, and no longer at its end (error bits: 7.25); tested at its best checkpoint",
            counted=True,
        )
    ]


def test_the_name_of_a_task_leads_nowhere_else(fake, tmp_path):
    """Run folders may come from anywhere."""
    name = '../../../task"><img src=x onerror=alert(1)>'
    for reach in (2, 8):
        cells = {f"length16_hops16_reach{reach}": bits(0.0), f"length32_hops8_reach{reach}": bits(0.1)}
        test = {"in_distribution": bits(0.0), **cells}
        folder = fake(f"seek{reach}", "task=seek", f"task.reach={reach}", test=test, task=name)
        config = folder / "config.yaml"
        config.write_text(config.read_text().replace("name: seek\n", f"name: '{name}'\n"))
    before = set(tmp_path.rglob("*"))
    report(fake.top, tmp_path / "a" / "b" / "report", "pictures=false")
    new = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert new
    assert all(path.is_relative_to(tmp_path / "a" / "b" / "report") for path in new)
    assert "<img src=x" not in (tmp_path / "a" / "b" / "report" / "index.html").read_text()


def test_settings_that_vary_make_a_map(fake, tmp_path):
    for sigma in (0.3, 1, 2):
        for carry in ("weighting", "position"):
            for seed in (0, 1):
                name, error = f"{sigma}{carry}{seed}", sigma / 10 + seed / 100
                overrides = (f"model.sigma_init={sigma}", f"model.carry={carry}", f"seed={seed}")
                fake(name, "model=dms_ntm", *overrides, errors=(0.0, error, error / 2))
    report(fake.top, tmp_path / "report", "pictures=false")
    its = {
        (row["measure"], row["setting.model.carry"], row["setting.model.sigma_init"]): float(row["value"])
        for row in table(tmp_path / "report" / "figures" / "settings.csv")
    }
    assert (tmp_path / "report" / "figures" / "settings.png").exists()
    assert its["payload error 10x20", "position", "2"] == pytest.approx(0.205)
    assert its["share solved", "weighting", "0.3"] == 1.0
    assert len(its) == 6 * 4
    caption = "By carry and sigma_init: share solved, and interquartile means of the metrics, over all runs"
    assert caption in (tmp_path / "report" / "report.md").read_text()


@pytest.fixture(scope="module")
@off()
def trained(tmp_path_factory):
    """Runs of a single update, two models with a memory and one without."""
    top = tmp_path_factory.mktemp("trained")
    for model in ("ntm", "dms_ntm", "lstm"):
        for seed in (0, 1):
            train_small(top / f"{model}{seed}", f"seed={seed}", "task.test_cells=[[3,4],[4,3]]", model=model)
    return top


@pytest.mark.drawn
def test_answers_and_heads_of_trained_runs(trained, tmp_path):
    assert report(trained, tmp_path / "report") == []
    answers = table(tmp_path / "report" / "figures" / "target_output.csv")
    assert list(answers[0]) == [
        *("row", "seed", "title", "cell", "step"),
        *(f"{of} {i}" for of in ("target", "output") for i in range(1, 10))
    ]  # fmt: skip
    assert {row["title"] for row in answers} == {"Length 3, Repeat 4", "Length 4, Repeat 3"}
    assert {row["cell"] for row in answers} == {"3x4", "4x3"}
    assert {row["row"] for row in answers} == {"ntm", "dms_ntm", "lstm"}
    assert {row["step"] for row in answers if row["cell"] == "4x3"} == {str(step) for step in range(6, 19)}
    one = next(row for row in answers if row["row"] == "lstm")
    run = load_run(trained / f"lstm{one['seed']}")
    example = run.task.example(3, 4)
    y, _ = run.model(example.x)
    expected = y[0][example.mask[0] > 0].sigmoid().detach()
    its = [row for row in answers if row["row"] == "lstm" and row["title"] == example.title]
    found = [[float(row[f"output {i}"]) for i in range(1, 10)] for row in its]
    np.testing.assert_allclose(found, expected.numpy(), atol=6e-4)
    wanted = [[float(row[f"target {i}"]) for i in range(1, 10)] for row in its]
    np.testing.assert_array_equal(wanted, example.y[0][example.mask[0] > 0].numpy())
    heads = table(tmp_path / "report" / "figures" / "addressing_examples.csv")
    assert {(row["row"], row["head"]) for row in heads} == {
        (model, head) for model in ("ntm", "dms_ntm") for head in ("read head", "write head")
    }
    its = [float(heads[0][f"slot {n}"]) for n in range(8)]
    assert sum(its) == pytest.approx(1.0, abs=0.01)
    assert (tmp_path / "report" / "figures" / "addressing_examples.png").exists()
    assert (tmp_path / "report" / "figures" / "target_output.png").exists()


def test_pictures_show_the_memory_that_is_asked_for(trained, tmp_path):
    report(trained, tmp_path / "report", "memory_slots=12")
    heads = table(tmp_path / "report" / "figures" / "addressing_examples.csv")
    assert {"slot 11"} == set(heads[0]) & {"slot 11", "slot 12"}
    answers = table(tmp_path / "report" / "figures" / "target_output.csv")
    assert {row["row"] for row in answers} == {"ntm", "dms_ntm", "lstm"}


def test_a_run_without_a_checkpoint_is_counted_but_not_shown(fake, tmp_path):
    fake("a", "model=ntm")
    (problem,) = report(fake.top, tmp_path / "report")
    assert problem == Problem("a", "not shown: checkpoint 'checkpoints/best.ckpt': does not exist", counted=True)
    assert not (tmp_path / "report" / "figures" / "target_output.csv").exists()


def test_rows_without_checkpoints_have_a_remark_each(fake, tmp_path):
    for seed in range(3):
        fake(f"a{seed}", "model=ntm", f"seed={seed}")
        fake(f"b{seed}", "model=lstm", f"seed={seed}")
    problems = report(fake.top, tmp_path / "report")
    assert [one.run[0] for one in problems] == ["a", "b"]
    for one in problems:
        assert one.what.startswith("not shown, nor 2 more of its row: checkpoint '")


def test_what_cannot_be_reported_is_refused_and_leaves_nothing(fake, tmp_path):
    fake("a", "model=ntm").joinpath("metrics.json").unlink()
    out = tmp_path / "report"

    def refused(*overrides):
        with pytest.raises(ConfigError) as refusal:
            publication.collect(request(*overrides))
        assert not out.exists()
        return str(refusal.value)

    assert refused("runs=null").startswith(
        "runs=None: must be folders that hold runs, or the runs.csv of a report"
    )
    assert refused(f"runs={tmp_path}/no", f"out={out}").startswith(f"runs='{tmp_path}/no': no such folder")
    assert refused(f"runs={tmp_path}/no.csv").startswith(f"runs='{tmp_path}/no.csv': no such file")
    assert refused(f"runs={fake.top}", f"out={out}") == (
        f"runs=['{fake.top}']: no run that can be counted: a: has no metrics.json: not at its end"
    )
    assert refused("runs=''").startswith("runs='': must be folders that hold runs")
    fake("b", "model=ntm")
    for key, value in (("against", "nmt"), ("reference", "[lmst]"), ("published.values", "{gruu: 0.9}")):
        text = refused(f"runs={fake.top}", f"out={out}", f"{key}={value}")
        assert text.startswith(f"{key}=")
        assert text.endswith("must be of ntm")
    assert refused(f"runs={fake.top}", f"out={out}", "against=ntm", "reference=[ntm]") == (
        "against='ntm': is in reference, whose rows are not compared; must be another row"
    )
    assert refused(f"runs={fake.top}", f"out={fake.top}/b").endswith("must be a new folder, or that of a report")
    assert refused(f"runs={fake.top}", f"tuning={out}.csv").startswith(f"tuning='{out}.csv': no such file")
    assert refused(f"runs={fake.top}", f"out={out}", "margin=-1").startswith("margin=-1: must be a finite number")
    assert refused(f"runs={fake.top}", f"out={out}", "pictures=3").startswith("pictures=3: must be true or false")
    assert refused(f"runs={fake.top}", f"out={out}", "memory_slots=0").startswith(
        "memory_slots=0: must be an integer"
    )
    assert refused(f"runs={fake.top}", "rows_by=folders") == (
        "rows_by='folders': must be one of settings, folder; did you mean 'folder'?"
    )
    assert refused(f"runs={fake.top}", f"out={out}", "reference=ntm").startswith("reference='ntm': must be a list")
    assert refused(f"runs={fake.top}", f"out={out}", "published.values={gru:x}").startswith(
        "published.values.gru='x'"
    )
    assert refused(f"runs={fake.top}", f"out={out}", "figure.cmap=x").startswith("figure.cmap='x': must be")


def test_what_needs_run_folders_is_refused_for_a_report_to_draw_anew(two_models, tmp_path):
    report(two_models, tmp_path / "report", "pictures=false")
    for setting in ("pool_versions=true", "rows_by=folder", "memory_slots=3"):
        with pytest.raises(ConfigError, match="needs the run folders; must be left out with"):
            request(f"runs={tmp_path}/report/runs.csv", setting)


def test_a_report_whose_own_file_is_damaged_is_refused(two_models, tmp_path):
    report(two_models, tmp_path / "report", "pictures=false")
    (tmp_path / "report" / "report.json").write_text("{")
    with pytest.raises(ConfigError, match=r"report.json beside it cannot be read \("):
        publication.rebuild(request(f"runs={tmp_path}/report/runs.csv"))


def command(*overrides):
    return subprocess.run(
        [sys.executable, "-m", "src.report", *overrides], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


def test_the_command_and_its_exit_codes(two_models, tmp_path):
    out = tmp_path / "report"
    jobs = [{"folder": "ntm0", "overrides": []}, {"folder": "waiting", "overrides": []}]
    overrides = ["model=ntm,lstm", "hydra/launcher=joblib", "hydra.sweep.dir=x", "hydra.searchpath=[file:///a]"]
    write_json(two_models / "sweep.json", {"overrides": overrides, "jobs": jobs})
    done = command(f"runs={two_models}", f"out={out}", "pictures=false")
    assert done.returncode == 1
    assert done.stdout == f"WARNING waiting: not begun; not counted\nreport: {out / 'index.html'}\n"
    assert json.loads((out / "report.json").read_text())["commands"] == ["python -m src.train -m model=ntm,lstm"]
    bad = command(f"runs={tmp_path / 'nowhere'}")
    assert bad.returncode == 2
    assert bad.stderr.startswith(f"error: runs='{tmp_path / 'nowhere'}': no such folder")
    assert "Traceback" not in bad.stderr


def test_a_failed_figure_does_not_prevent_others(two_models, tmp_path, monkeypatch, caplog):
    """One is not made, and one that is made is not drawn."""

    def broken(*arguments, **others):
        raise RuntimeError("no LaTeX")

    class Broken(Figure):
        savefig = broken

    monkeypatch.setattr("src.figures.seeds.seeds", broken)
    monkeypatch.setattr("src.figures.survival.survival", lambda *arguments: Broken())
    assert report(two_models, tmp_path / "report", "pictures=false") == []
    pictures = {path.stem for path in (tmp_path / "report" / "figures").glob("*.png")}
    assert pictures == {"loss_comparison", "grid_payload_error", "grid_end_exact"}
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "loss_comparison.png" in page
    assert not [name for name in ("seeds.png", "seeds.csv", "survival.png", "survival.csv") if name in page]
    for name in ("seeds", "survival"):
        assert f"The figure {name} cannot be drawn: RuntimeError: no LaTeX" in caplog.text


def test_a_link_to_a_report_stays_and_its_target_is_replaced(two_models, tmp_path):
    target, link = tmp_path / "far" / "report", tmp_path / "report"
    link.symlink_to(target)
    for _ in range(2):  # dangling, and to a report
        report(two_models, link, "pictures=false")
        assert link.readlink() == target
        (target / "report.md").unlink()
    publication.rebuild(request(f"runs={link / 'runs.csv'}"))
    assert link.readlink() == target
    assert (target / "report.md").exists()
