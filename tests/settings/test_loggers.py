"""Loggers: several at once, and those of other packages."""

import importlib.util
import json
from types import SimpleNamespace

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from src.callbacks import images
from src.run import train
from src.settings import loggers
from src.settings.errors import ConfigError
from tests.helpers import compose_train, train_small

SEVERAL = "logger=[tensorboard,csv]"


def test_several_loggers_get_all_scalars_and_the_configuration(tmp_path):
    """It must train, since the test is about who gets what in a run."""
    folder = tmp_path / "run"
    outcome = train_small(folder, SEVERAL, "trainer.max_steps=2", model="ntm")
    assert [type(one) for one in outcome.trainer.loggers] == [TensorBoardLogger, CSVLogger]
    events = EventAccumulator(str(folder)).Reload()
    logged = {name for name in events.Tags()["scalars"] if name != "epoch"}
    header = (folder / "metrics.csv").read_text().splitlines()[0].split(",")
    assert logged == set(header) - {"step"}
    assert {"train/loss", "validation/bits", "heads/read head/position", "final/error bits"} <= logged
    assert "memory_slots: 8" in (folder / "hparams.yaml").read_text()
    (text,) = (event.tensor_proto.string_val[0].decode() for event in events.Tensors("config.yaml/text_summary"))
    assert "\n      memory_slots: 8\n" in text


def test_no_logger():
    assert loggers.build(compose_train("logger=none"), "there") == []


def test_a_logger_can_be_removed():
    assert list(loggers.nodes(compose_train(SEVERAL, "logger.csv=null"))) == ["tensorboard"]


@pytest.mark.parametrize("name", loggers.OPTIONAL)
def test_a_package_that_is_not_installed(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda package: None)
    with pytest.raises(ConfigError) as refusal:
        loggers.build(compose_train(f"logger={name}"), "there")
    assert str(refusal.value) == f"logger={name}: needs {name}, which `make {name}` installs"


def test_weights_and_biases_offline(tmp_path, monkeypatch):
    """Two runs in one process: each is a run of its own. They must train, for scalars and pictures."""
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    begun = []
    init = wandb.init
    monkeypatch.setattr(wandb, "init", lambda **given: begun.append(init(**given)) or begun[-1])
    logged = []
    monkeypatch.setattr(wandb.Run, "log", lambda self, data, **_: logged.append(set(data)))
    for name in ("a", "b"):
        train_small(tmp_path / name, "logger=wandb", "trainer.max_steps=2", model="lstm")
    assert [run.name for run in begun] == ["a", "b"]
    assert len({run.id for run in begun}) == 2
    assert all(run.config["model"]["name"] == "lstm" for run in begun)
    assert {"train/loss", "validation/bits", "target_output", "final/error bits"} <= set().union(*logged)
    assert len(list((tmp_path / "a").glob("wandb/offline-run-*"))) == 1
    assert wandb.run is None


@pytest.mark.filterwarnings("ignore")  # of SQLAlchemy, within MLflow
def test_mlflow(tmp_path, monkeypatch):
    """It must train, for scalars and pictures."""
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    settings = ("logger=mlflow", f"logger.mlflow.tracking_uri={uri}", "trainer.max_steps=2")
    monkeypatch.chdir(tmp_path)
    train_small(tmp_path / "run", *settings, model="lstm")
    client = mlflow.MlflowClient(uri)
    (experiment,) = (one for one in client.search_experiments() if one.name == "dms-ntm")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("run", "FINISHED")
    assert run.data.params["model/name"] == "lstm"
    assert {"train/loss", "validation/bits", "final/error bits"} <= set(run.data.metrics)
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["images"]


def test_a_logger_that_takes_no_pictures():
    assert not images.takes(SimpleNamespace(log_metrics=None))
    assert images.takes(SimpleNamespace(log_image=None))


def test_a_run_with_several_loggers_is_resumed_with_the_rows_of_before(tmp_path):
    """It must train and be stopped, as rows are kept only by a run that is resumed."""
    folder, steps = tmp_path / "run", ("trainer.max_steps=2", "trainer.log_every_n_steps=1")
    train_small(folder, SEVERAL, *steps, model="lstm")
    before = (folder / "metrics.csv").read_text().splitlines()
    train.resume(folder, {"trainer.max_steps": 3})
    after = (folder / "metrics.csv").read_text().splitlines()
    assert len(after) > len(before)
    assert json.loads((folder / "metrics.json").read_text())["updates"] == 3
