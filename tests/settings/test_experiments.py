"""Experiment files: the settings read back equal those written."""

from src.settings import cli, keys
from src.settings.experiments import experiment, experiment_file, write


def settings(*overrides):
    (job,) = cli.composed("train", list(overrides))
    return keys.resolve(job.config)


def test_an_experiment_gives_the_settings_that_were_written(tmp_path):
    overrides = [
        *("model=mlp", "task=mnist1d", "optimizer=adam", "model.hidden_sizes=[8,9]", "optimizer.lr=1e-3"),
        *("+trainer.precision=64-true", "trainer.gradient_clip_val=null", "figure.cmap='viridis'"),
    ]
    path = experiment_file(tmp_path, "one/mlp")
    content = experiment(overrides, ["Why.", "And how."])
    assert content.startswith("# @package _global_\n# Why.\n# And how.\ndefaults:\n  - override /model: mlp\n")
    assert write(path, content)
    assert not write(path, content)
    assert write(path, content + "\n")
    found = settings("experiment=one/mlp", f"hydra.searchpath=[file://{tmp_path}]")
    assert found == settings(*overrides)


def test_an_experiment_may_start_from_another(tmp_path):
    overrides = ["experiment=repeat_copy_tried/ntm", "optimizer=adam", "model.gate_bias=1.5"]
    write(experiment_file(tmp_path, "two"), experiment(overrides, []))
    found = settings("experiment=two", f"hydra.searchpath=[file://{tmp_path}]")
    assert found == settings(*overrides)
    assert (found["model"]["gate_bias"], found["model"]["beta_bias"]) == (1.5, 5.0)


def test_an_experiment_without_groups_has_no_defaults():
    assert experiment(["seed=3"], []) == "# @package _global_\n\nseed: 3\n"
