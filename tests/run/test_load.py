"""Loading of a run: the network that was trained, or a refusal."""

import os
import pickle
import shutil

import pytest
import torch
import yaml
from torch import nn

from src.run import load_run
from src.run.load import load_weights
from src.settings.errors import ConfigError
from tests.helpers import refused, train_small


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small run: the folder and the outcome of training."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, train_small(folder, "trainer.max_steps=2", model="dms_ntm")


class Hostile:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def hostile_network(folder, **others):
    """What the configuration of a run from a stranger may name."""
    os.mkdir(folder)


class NoNetwork:
    """A class that is no network, and makes a folder."""

    def __init__(self, folder, **others):
        os.mkdir(folder)


@pytest.mark.parametrize("target", [hostile_network, NoNetwork])
@pytest.mark.parametrize("section", ["model", "task"])
def test_nothing_but_networks_and_tasks_is_made_from_a_run_folder(trained, tmp_path, section, target):
    shutil.copytree(trained[0], tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    content = yaml.safe_load(config.read_text())
    name = f"{__name__}.{target.__name__}"
    content[section] = {"name": content[section]["name"], "_target_": name, "folder": str(tmp_path / "made")}
    config.write_text(yaml.safe_dump(content))
    kind = {"model": "Module", "task": "Task"}[section]
    refused(f"{section}._target_={name!r}: must give a {kind}", load_run, tmp_path / "run")
    assert not (tmp_path / "made").exists()


class TestWeights:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "best.ckpt"

    def test_round_trip_of_the_network_alone(self, path):
        saved, loaded = nn.Linear(3, 2), nn.Linear(3, 2)
        state = {f"network.{name}": value for name, value in saved.state_dict().items()}
        torch.save({"state_dict": {**state, "metrics.count": torch.ones(1)}}, path)
        load_weights(loaded, path)
        assert torch.equal(loaded.weight, saved.weight)
        assert torch.equal(loaded.bias, saved.bias)

    def test_missing(self, path):
        text = refused("", load_weights, nn.Linear(3, 2), path)
        assert text == f"checkpoint {str(path)!r}: does not exist; the run must have saved one"

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
    def test_truncated(self, path, share):
        torch.save({"state_dict": {"network.weight": torch.ones(500)}}, path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        refused(f"checkpoint {str(path)!r}: cannot be read as weights", load_weights, nn.Linear(3, 2), path)

    @pytest.mark.parametrize("zipped", [True, False])
    def test_code_is_not_run(self, path, tmp_path, zipped):
        made, content = tmp_path / "made", {"state_dict": {"network.weight": Hostile(tmp_path / "made")}}
        if zipped:
            torch.save(content, path)
        else:
            path.write_bytes(pickle.dumps(content))
        text = refused("", load_weights, nn.Linear(3, 2), path)
        reason = "cannot be read as weights; it is damaged, or holds more than tensors and numbers"
        assert text == f"checkpoint {str(path)!r}: {reason}"
        assert not made.exists()
        torch.load(path, weights_only=False) if zipped else pickle.loads(path.read_bytes())
        assert made.exists()  # so the file was hostile

    @pytest.mark.parametrize("content", [{"a": 1}, [1, 2], torch.ones(3), {"state_dict": 3}])
    def test_foreign(self, path, content):
        torch.save(content, path)
        text = refused("", load_weights, nn.Linear(3, 2), path)
        assert text == f"checkpoint {str(path)!r}: is not a checkpoint of src.train"

    @pytest.mark.parametrize("weights", [{}, {"network.weight": torch.ones(2, 4), "network.bias": torch.ones(2)}])
    def test_another_network(self, path, weights):
        torch.save({"state_dict": weights}, path)
        text = f"checkpoint {str(path)!r}: does not fit the configuration of its run: "
        assert "weight" in refused(text, load_weights, nn.Linear(3, 2), path)


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_a_loaded_run_computes_as_the_trained_network(trained, checkpoint):
    folder, outcome = trained
    stored = torch.load(folder / "checkpoints" / f"{checkpoint}.ckpt", weights_only=True)["state_dict"]
    run = load_run(folder, checkpoint)
    assert not run.model.training
    assert run.config["model"]["name"] == run.metrics["model"] == "dms_ntm"
    assert {f"network.{name}" for name in run.model.state_dict()} == {n for n in stored if "network." in n}
    run.task.setup()
    network = outcome.learner.network
    network.load_state_dict({name.removeprefix("network."): value for name, value in stored.items()}, strict=False)
    for ours, theirs in zip(run.task.validation, outcome.task.validation, strict=True):
        assert torch.equal(ours.x, theirs.x)
        assert torch.equal(run.model(ours.x)[0], network(theirs.x)[0])


def test_the_best_checkpoint_gives_the_metrics_that_were_written(trained):
    """Measured again from the loaded run."""
    folder, outcome = trained
    run = load_run(folder)
    run.task.setup()
    learner = outcome.learner
    learner.network.load_state_dict(run.model.state_dict())
    measured = learner.measure(run.task.validation)
    for name, value in measured.items():
        if name in run.metrics["validation"]:
            assert value == pytest.approx(run.metrics["validation"][name], rel=1e-6)
    assert "bits" in run.metrics["validation"]


def test_a_checkpoint_that_is_not_a_file_is_refused(trained, tmp_path):
    """Reading a pipe would block without end."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_bytes((trained[0] / "config.yaml").read_bytes())
    os.mkfifo(folder / "checkpoints" / "best.ckpt")
    with pytest.raises(ConfigError, match=r"best\.ckpt': is not a file; it must be one that src.train has saved"):
        load_run(folder)
