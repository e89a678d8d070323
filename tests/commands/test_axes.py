"""Tasks with one, two and three axes of test cells: evaluation, replay, report and TensorBoard need no change.

Each is trained for one update: only a run folder shows that all commands read it.
"""

import functools
import json
import logging
import shutil
from types import SimpleNamespace

import pytest

from src import evaluate
from src.callbacks.dashboard import layout
from src.callbacks.hparams import final
from src.common import checks
from src.launch.job import print_outcome
from src.replay.__main__ import refuse, replay
from src.report import publication
from src.run.load import load_run
from src.run.train import train
from src.settings import build
from src.settings.errors import ConfigError
from tests.helpers import ALWAYS, compose_evaluate, compose_replay, compose_train, written
from tests.report.test_publication import request, table
from tests.toys import Items

#: The class, its test cells, and the names of their test sets.
TASKS = {
    "items": ("Items", [[5], [9]], ["5", "9"]),
    "length_hops": ("LengthHops", [[5, 2], [9, 8]], ["length5_hops2", "length9_hops8"]),
    "three": ("ThreeAxes", [[5, 2, 3], [9, 8, 3]], ["length5_hops2_pairs3", "length9_hops8_pairs3"]),
}
YAML = """
name: {name}
_target_: tests.toys.{kind}
max_items: 4
batch_size: 3
test_cells: {cells}
recipe: {{batch_size: 3, lr: 1.0e-2, clip_norm: 1.0, weight_decay: 0.0,
         warmup: 0.0, final: 1.0, max_steps: 1, validate_every: 1}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs of one update by task; of items there are two seeds."""
    top = tmp_path_factory.mktemp("axes")
    (top / "conf" / "task").mkdir(parents=True)
    for name, (kind, cells, _) in TASKS.items():
        (top / "conf" / "task" / f"{name}.yaml").write_text(YAML.format(name=name, kind=kind, cells=cells))
        lines = [f"hydra.searchpath=[file://{top / 'conf'}]", "model=lstm", "model.hidden_size=3", f"task={name}"]
        for seed in (0, 1) if name == "items" else (0,):
            train(compose_train(*lines, *ALWAYS, f"seed={seed}"), top / name / str(seed))
    return top


@pytest.fixture(params=TASKS)
def name(request):
    return request.param


def cells_of(name):
    return TASKS[name][2]


def test_metrics_have_all_test_sets_and_their_baselines(folder, name):
    metrics = written(folder / name / "0")
    sets = ["in_distribution", "held_out", *cells_of(name)]
    assert list(metrics["test"]) == list(metrics["baselines"]) == sets
    steps = sum(TASKS[name][1][0])
    assert metrics["baselines"][sets[2]] == {"chance": {"accuracy": 0.5}, "optimum": {"accuracy": 1 - steps / 100}}


def test_printed_tables_have_the_baselines_below_each_test_set(folder, tmp_path, capsys):
    run = shutil.copytree(folder / "items" / "0", tmp_path / "run")
    metrics = written(run)
    print_outcome(SimpleNamespace(metrics=metrics, ending=SimpleNamespace(cause=None)), run)
    evaluate.main(compose_evaluate(f"run={run}"))
    trained, evaluated = capsys.readouterr().out.split(f"finished: {run}")
    for printed in (trained, evaluated):
        names = [line.split("  ")[0] or line.strip().split("  ")[0] for line in printed.strip().splitlines()[1:]]
        for test in metrics["test"]:
            at = names.index(test)
            assert names[at + 1 : at + 3] == ["guessing", "best possible"]


def test_baselines_that_fail_are_left_out(folder, tmp_path, monkeypatch, caplog):
    """A run of hours is not lost for them."""
    run = shutil.copytree(folder / "items" / "0", tmp_path / "run")
    told = {
        "chance": "chance of in_distribution: 3; must be a number for each",
        "best": "baselines of in_distribution: {'best': 3}; must be of chance, optimum",
    }
    for key, text in told.items():
        monkeypatch.setattr("tests.toys.Items.baselines", lambda self, batches, key=key: {key: 3})
        assert evaluate.evaluate(compose_evaluate(f"run={run}"))["baselines"] == {}
        assert f"The baselines of Items are left out: ValueError: {text}" in caplog.text


@pytest.mark.drawn
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_grid_has_a_figure_for_any_number_of_axes(folder, tmp_path, axes, caplog):
    name, keys, asked = [
        ("items", ["items"], ["2", "3", "6"]),
        ("length_hops", ["lengths", "hops"], ["length2_hops2", "length2_hops6", "length6_hops2", "length6_hops6"]),
        ("three", ["lengths", "hops", "pairs"], [f"length2_hops2_pairs{pairs}" for pairs in (2, 6)]),
    ][axes - 1]
    run = shutil.copytree(folder / name / "0", tmp_path / "run")
    values = "[6,3,2]" if axes == 1 else "[6,2]"
    content = evaluate.evaluate(
        compose_evaluate(f"run={run}", "test_cells=[]", *(f"grid.{key}={values}" for key in keys))
    )
    assert set(asked) <= set(content["test"])
    assert content["baselines"][asked[0]]["chance"] == {"accuracy": 0.5}
    assert (run / "figures" / "evaluation_grid_accuracy.png").stat().st_size > 0
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_refusals_of_a_grid_name_the_axes_of_the_task(folder):
    def refused(text, *overrides, name="length_hops"):
        with pytest.raises(ConfigError) as refusal:
            evaluate.refuse(compose_evaluate(f"run={folder / name / '0'}", *overrides))
        assert str(refusal.value) == text

    text = "grid.hop=[1]: unknown key 'grid.hop'; must be under grid one of lengths, hops; did you mean 'hops'?"
    refused(text, "grid.hop=[1]")
    text = "grid.repeats=[1]: unknown key 'grid.repeats'; must be under grid one of items"
    refused(text, "grid.repeats=[1]", name="items")
    text = "grid.lengths=90, grid.hops=10: must be of at most 99 in all"
    refused(text, "grid.lengths=[90,91]", "grid.hops=[10,11]")
    text = "grid.lengths=97: must be of at most 99 in all; at hops 4, pairs 4, the largest of training"
    refused(text, "grid.lengths=[97]", name="three")
    refused("grid.items=100: must be of at most 99 in all", "grid.items=[100]", name="items")


@pytest.mark.drawn
def test_cells_of_a_grid_that_the_task_cannot_have_are_left_out(folder, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    run = shutil.copytree(folder / "length_hops" / "0", tmp_path / "run")
    content = evaluate.evaluate(compose_evaluate(f"run={run}", "grid.lengths=[5,90]", "grid.hops=[2,10]"))
    tests = {"in_distribution", "held_out", "length9_hops8"}
    assert set(content["test"]) == tests | {f"length{one}" for one in ("5_hops2", "5_hops10", "90_hops2")}
    assert content["grid"] == {"lengths": [5, 90], "hops": [2, 10]}
    assert (run / "figures" / "evaluation_grid_accuracy.png").exists()
    reason = "grid.lengths=90, grid.hops=10: must be of at most 99 in all"
    assert caplog.messages.count(f"The grid leaves out 1 of 4 cells: {reason}") == 1


def test_a_replay_takes_any_axis_of_the_task(folder, tmp_path):
    run = folder / "length_hops" / "0"
    page, _ = replay(compose_replay(f"run={run}", "hops=2", f"out={tmp_path}"))
    assert page.name == "replay_length4_hops2.html"
    page, _ = replay(compose_replay(f"run={folder / 'items' / '0'}", "items=7", f"out={tmp_path}"))
    assert page.name == "replay_7.html"
    with pytest.raises(ConfigError) as refusal:
        refuse(compose_replay(f"run={run}", "hop=2"))
    assert str(refusal.value) == (
        "hop=2: unknown key 'hop'; must be one of checkpoint, figure, fps, memory_slots, out, run or, on "
        "length_hops, length, hops; did you mean 'hops'?"
    )
    text = r"^hops=99: must be of at most 99 in all; at length 4, the largest of training$"
    with pytest.raises(ConfigError, match=text):
        refuse(compose_replay(f"run={run}", "hops=99"))
    with pytest.raises(ConfigError, match=r"^length=3, hops=99: must be of at most 99 in all$"):
        refuse(compose_replay(f"run={run}", "hops=99", "length=3"))


def test_cells_that_the_settings_of_the_task_do_not_allow_are_refused_before_any_work(folder, monkeypatch):
    made = Items.__init__

    @functools.wraps(made)
    def init(self, *args, **options):
        made(self, *args, **options)
        for i, cell in enumerate(self.test_cells):
            checks.integer(f"test_cells[{i}][1]", cell[1], most=8)

    monkeypatch.setattr("tests.toys.LengthHops.__init__", init)
    run, told = f"run={folder / 'length_hops' / '0'}", "must be an integer of at least 1 and at most 8"
    with pytest.raises(ConfigError, match=rf"^hops=9: {told}$"):
        refuse(compose_replay(run, "hops=9"))
    with pytest.raises(ConfigError, match=rf"^test_cells\[1\]\[1\]=9: {told}$"):
        evaluate.refuse(compose_evaluate(run, "test_cells=[[9,8],[5,9]]"))
    with pytest.raises(ConfigError, match=rf"^grid.hops=9: {told}$"):
        evaluate.refuse(compose_evaluate(run, "grid.lengths=[4]", "grid.hops=[9,10]"))


def test_tensorboard_names_the_axes(folder):
    run = load_run(folder / "length_hops" / "0")
    charts = layout(build.build_learner(run.config, run.task, run.model))["generalisation"]
    assert charts["accuracy: length 9, hops 8"][1] == ["^generalisation/length9_hops8/accuracy$"]
    assert "final/accuracy length 9, hops 8" in final(run.metrics, "accuracy", "accuracy", run.task)


def test_a_report_shows_every_test_set_and_the_baselines(folder, name, tmp_path):
    out = tmp_path / "report"
    asked = request(f"runs={folder / name}", f"out={out}", "pictures=true")
    assert publication.make(asked, publication.collect(asked)) == []
    page = (out / "report.md").read_text()
    titles = {"items": "5", "length_hops": "length 5, hops 2", "three": "length 5, hops 2, pairs 3"}
    for test in ("in distribution", "held out", titles[name]):
        assert f"| guessing | {test} |  | 0.500 |" in page
        assert f"| best possible | {test} |" in page
    best = [line for line in page.splitlines() if line.startswith("| best possible | held out |")]
    assert best[0].split("|")[4].strip() == f"{1 - 4 * len(TASKS[name][1][0]) / 100:.3f}"
    assert f"| accuracy held out: mean | accuracy held out: IQM [95 %] | accuracy {titles[name]}: mean |" in page
    kind = json.loads((out / "report.json").read_text())["kinds"][name]
    assert kind["trained"] == [[1, 4]] * len(TASKS[name][1][0])  # although config.yaml has no min_items
    assert [test for test, _ in kind["headlines"]] == ["in_distribution", "held_out", *cells_of(name)]
    lines = {(row["test"], row["row"]): row["iqm"] for row in table(out / "figures" / "seeds.csv")}
    assert float(lines["held out", "best possible"]) == pytest.approx(float(best[0].split("|")[4]))
    assert [path.name for path in (out / "figures").glob("grid*.csv")] == ["grid_accuracy.csv"]
    before = page, (out / "report.json").read_text()
    publication.rebuild(request(f"runs={out / 'runs.csv'}"))
    assert ((out / "report.md").read_text(), (out / "report.json").read_text()) == before
