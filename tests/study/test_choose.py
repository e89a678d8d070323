"""The choice of settings uses validation metrics, and test metrics only of sets that the study names for it."""

import copy
import csv
import subprocess

import pytest
from hydra import compose, initialize_config_dir

from src.common.paths import CONF
from src.settings.errors import ConfigError
from src.study.__main__ import study
from src.study.choose import check_tested, check_unreported, choose, uncommitted
from src.study.plan import read
from tests.helpers import compose_train
from tests.study.conftest import STUDY


def scored(accuracy, **others):
    return {"validation": {"accuracy": accuracy}} | others


def chosen(plan):
    """The settings that the tuning of a plan chose, as (size, lr)."""
    choose(plan, plan.tuning)
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = compose("train", ["experiment=tiny/mlp", "task=mnist1d", f"hydra.searchpath=['file://{plan.conf}']"])
    assert cfg.model.name == "mlp"
    return cfg.model.hidden_sizes[0], cfg.optimizer.lr


def rows(plan):
    with (plan.folder / "tuning.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_best_mean_on_validation_is_written_as_an_experiment(tuned):
    plan = tuned([
        (8, "0.001", 201, scored(0.9)), (8, "0.001", 202, scored(0.5)),
        (9, "0.001", 201, scored(0.7)), (9, "0.001", 202, scored(0.75)),
        (8, "1e-05", 201, scored(0.1)), (8, "1e-05", 202, scored(0.8)),
    ])  # fmt: skip
    assert chosen(plan) == (9, 0.001)
    assert (plan.conf / "experiment" / "tiny" / "mlp.yaml").read_text() == (
        "# @package _global_\n"
        "# The best of 3 candidates by validation accuracy: 0.725 on average over seeds 201, 202.\n"
        "# Written by: python -m src.study study=tiny\n"
        "defaults:\n"
        "  - override /model: mlp\n"
        "\n"
        "model:\n"
        "  hidden_sizes:\n"
        "  - 9\n"
        "optimizer:\n"
        "  lr: 0.001\n"
    )


def test_a_small_learning_rate_is_written_as_a_number(tuned):
    assert chosen(tuned([(8, "1e-05", 201, scored(0.9)), (9, "0.001", 201, scored(0.8))])) == (8, 1e-5)


def test_test_metrics_are_not_used(tuned):
    """A candidate that is better in every test, but not in validation, is not chosen."""
    better = {"test": {"accuracy": 1.0, "generated": {"accuracy": 1.0}}}
    plan = tuned(
        [(8, "0.001", 201, scored(0.6, **better)), (9, "0.001", 201, scored(0.7, test={"accuracy": 0.0}))]
    )
    assert chosen(plan)[0] == 9


def test_candidates_are_judged_by_the_sets_that_the_study_names(tuned):
    """Here a test set that the sweeps do not report; a run that was not tested there counts as the worst."""

    def tested(accuracy, generated):
        return scored(accuracy, test={"accuracy": 0.0, "generated": {"accuracy": generated}})

    plan = tuned([
        (8, "0.001", 201, tested(0.8, 0.1)), (9, "0.001", 201, tested(0.5, 0.6)), (10, "0.001", 201, scored(0.99)),
    ])  # fmt: skip
    assert chosen(plan._replace(tuning=plan.tuning._replace(sets=["validation"])))[0] == 10
    plan = plan._replace(tuning=plan.tuning._replace(sets=["validation", "generated"]))
    assert chosen(plan)[0] == 9
    text = (plan.conf / "experiment" / "tiny" / "mlp.yaml").read_text()
    assert "3 candidates by mean accuracy on validation, generated: 0.55 on average over seeds 201." in text
    assert [row["generated_accuracy"] for row in rows(plan)] == ["0.1", "0.6", ""]


def test_a_set_that_the_tuning_does_not_test_is_refused(tuned):
    plan = tuned([(8, "0.001", 201, scored(0.5))])
    tuning = plan.tuning._replace(sets=["validation", "10x13"])
    jobs = [
        {"task": compose_train("task=repeat_copy", f"task.test_cells={cells}")["task"]}
        for cells in ("[[10,13],[13,10]]", "[[10,20]]")
    ]
    check_tested(tuning, "tuning/mlp", jobs[:1])
    check_tested(plan.tuning, "tuning/mlp", jobs)
    with pytest.raises(ConfigError) as refusal:
        check_tested(tuning, "tuning/mlp", jobs)
    assert str(refusal.value) == (
        "tuning.sets=['validation', '10x13']: tuning/mlp has no test cell '10x13'; must be of validation, 10x20"
    )


def test_a_set_that_a_sweep_reports_is_refused_before_the_tuning(settings):
    """The experiment that the tuning will write is not there yet."""
    content = copy.deepcopy(STUDY)
    content["tuning"] |= {"sets": ["validation", "10x13"], "metric": "error_bits"}
    content["tuning"]["common"] = ["task=repeat_copy", "task.test_cells=[[10,13]]", "seed=201,202"]
    content["sweeps"]["runs"] = ["experiment=tiny/mlp", "task=repeat_copy", "model=lstm", "seed=0,1"]
    plan = read(settings(content))
    check_unreported(plan, plan.tuning, plan.sweeps["runs"])
    evaluated = plan._replace(evaluate={"runs": ["grid.lengths=[10]", "grid.repeats=[13,20]"]})
    with pytest.raises(ConfigError, match=r"runs reports the test cell '10x13'; must be others"):
        check_unreported(evaluated, plan.tuning, plan.sweeps["runs"])
    content["sweeps"]["runs"].append("task.test_cells=[[10,20],[10,13]]")
    with pytest.raises(ConfigError) as refusal:
        study(settings(content))
    assert str(refusal.value) == (
        "tuning.sets=['validation', '10x13']: runs reports the test cell '10x13'; must be others"
    )


def test_a_diverged_run_counts_as_the_worst_value(tuned):
    diverged = scored(0.99, status="diverged")
    plan = tuned([
        (8, "0.001", 201, scored(0.99)), (8, "0.001", 202, diverged),
        (9, "0.001", 201, scored(0.5)), (9, "0.001", 202, scored(0.5)),
    ])  # fmt: skip
    assert chosen(plan)[0] == 9
    assert [row["status"] for row in rows(plan)] == ["finished", "diverged", "finished", "finished"]


def test_smaller_errors_are_better_and_a_missing_one_is_infinite(tuned):
    def with_error(bits, **others):
        return {"validation": {"error_bits": bits, "accuracy": 1.0}} | others

    results = [
        (8, "0.001", 201, with_error(0.1)), (8, "0.001", 202, with_error(0.1, status="diverged")),
        (9, "0.001", 201, with_error(50.0)), (9, "0.001", 202, with_error(60.0)),
        (8, "1e-05", 201, with_error(70.0)), (8, "1e-05", 202, with_error(None)),
    ]  # fmt: skip
    assert chosen(tuned(results, metric="error_bits"))[0] == 9


def test_the_smaller_model_is_chosen_where_every_candidate_diverged_once(tuned):
    results = [
        (size, "0.001", seed, {"validation": {"error_bits": 1.0}, "parameters": size * 10} | ended)
        for size in (9, 8)
        for seed, ended in ((201, {}), (202, {"status": "diverged"}))
    ]
    assert chosen(tuned(results, metric="error_bits"))[0] == 8


def test_ties_go_to_the_smaller_model_then_to_the_first(tuned):
    plan = tuned([(9, "0.001", 201, scored(0.7)), (8, "0.001", 201, scored(0.7 + 1e-14, parameters=90))])
    assert chosen(plan)[0] == 8
    plan = tuned([(9, "0.001", 201, scored(0.7)), (8, "0.001", 201, scored(0.7))])
    assert chosen(plan)[0] == 9
    assert "\n# As good: model.hidden_sizes=[8]\n" in (plan.conf / "experiment" / "tiny" / "mlp.yaml").read_text()


def test_a_tuning_without_validation_metrics_is_refused(tuned):
    plan = tuned([(8, "0.001", 201, {"status": "diverged"}), (9, "0.001", 201, {"validation": {}})])
    with pytest.raises(ConfigError) as refusal:
        choose(plan, plan.tuning)
    assert str(refusal.value) == (
        "tuning/mlp: no run ended well with accuracy on all sets; there must be one to choose"
    )
    assert not list(plan.conf.iterdir())


def test_tuning_csv_has_a_row_for_each_run(tuned):
    plan = tuned(
        [(8, "0.001", 201, scored(0.5, updates=7, seconds=1.5)), (9, "0.001", 201, {"status": "diverged"})]
    )
    choose(plan, plan.tuning)
    assert rows(plan) == [
        {"model": "mlp", "candidate": "model=mlp model.hidden_sizes=[8] optimizer.lr=0.001", "seed": "201",
         "status": "finished", "updates": "7", "parameters": "100", "seconds": "1.5", "validation_accuracy": "0.5",
         "chosen": "yes"},
        {"model": "mlp", "candidate": "model=mlp model.hidden_sizes=[9] optimizer.lr=0.001", "seed": "201",
         "status": "diverged", "updates": "", "parameters": "100", "seconds": "", "validation_accuracy": "",
         "chosen": "no"},
    ]  # fmt: skip


def test_an_unchanged_choice_does_not_write_its_file(tuned):
    results = [(8, "0.001", 201, scored(0.5)), (9, "0.001", 201, scored(0.4))]
    plan = tuned(results)
    (path,) = choose(plan, plan.tuning)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    assert choose(plan, plan.tuning) == []
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert choose(tuned([results[0], (9, "0.001", 201, scored(0.6))]), plan.tuning) == [path]


def test_chosen_experiments_that_are_not_committed_are_listed(tuned, tmp_path):
    plan = tuned([(8, "0.001", 201, scored(0.5))])
    choose(plan, plan.tuning)
    assert uncommitted(plan, plan.tuning) == []  # no git checkout

    def git(*arguments):
        own = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *own, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    assert uncommitted(plan, plan.tuning) == ["conf/experiment/tiny/mlp.yaml"]
    git("add", "conf")
    git("commit", "-m", "chosen")
    assert uncommitted(plan, plan.tuning) == []
    choose(tuned([(8, "0.001", 201, scored(0.6))]), plan.tuning)
    assert uncommitted(plan, plan.tuning) == ["conf/experiment/tiny/mlp.yaml"]
