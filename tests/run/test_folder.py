"""The run folder: written whole or not at all; what is opened again is what was trained, or is refused."""

import json
import math
import os
import pickle

import pytest
import torch
from torch import nn

from src.common.files import write_json
from src.run.folder import RUN_FORMAT, RunFolder
from src.run.load import load_run, load_weights
from src.settings.errors import ConfigError
from tests.helpers import compose_train, small, train_small

ALLOWED = "must be the folder of a finished run, one that holds config.yaml and checkpoints/best.ckpt"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny run: its folder and what training left."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return folder, train_small(folder, "trainer.max_steps=2", model="dms_ntm")


@pytest.fixture(scope="module")
def config():
    return compose_train(*small(model="lstm"))


def refused(text, function, *arguments):
    with pytest.raises(ConfigError) as refusal:
        function(*arguments)
    assert text in str(refusal.value)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


class TestJSON:
    def test_numbers_that_json_lacks_become_null(self, tmp_path):
        content = {"a": math.nan, "b": {"c": [math.inf, 1.5, (-math.inf, 2)]}, "d": None, "e": True, "f": "nan"}
        write_json(tmp_path / "it.json", content)
        expected = {"a": None, "b": {"c": [None, 1.5, [None, 2]]}, "d": None, "e": True, "f": "nan"}
        assert json.loads((tmp_path / "it.json").read_text()) == expected
        assert math.isnan(content["a"])

    def test_content_that_cannot_be_written_leaves_the_old_file(self, tmp_path):
        write_json(tmp_path / "it.json", {"old": 1})
        with pytest.raises(TypeError):
            write_json(tmp_path / "it.json", {"a": 1, "new": object()})
        assert json.loads((tmp_path / "it.json").read_text()) == {"old": 1}

    @pytest.mark.parametrize("there", [True, False])
    def test_a_write_that_breaks_off_leaves_the_old_file_or_none(self, tmp_path, monkeypatch, there):
        path = tmp_path / "it.json"
        if there:
            write_json(path, {"old": 1})
        write = type(path).write_bytes

        def half(self, content):
            assert self != path, "the file itself is never open for writing"
            write(self, content[: len(content) // 2])
            raise OSError("no space left on device")

        monkeypatch.setattr(type(path), "write_bytes", half)
        with pytest.raises(OSError, match="no space"):
            write_json(path, {"new": list(range(100))})
        assert path.exists() is there
        if there:
            assert json.loads(path.read_text()) == {"old": 1}

    def test_metrics_that_are_missing_damaged_or_no_mapping(self, tmp_path):
        assert RunFolder(tmp_path).read_metrics() == {}
        write_json(tmp_path / "metrics.json", {"status": "finished"})
        assert RunFolder(tmp_path).read_metrics() == {"status": "finished"}
        for damage in (b'{"status": "fin', b"\xff\xfe\x00"):
            (tmp_path / "metrics.json").write_bytes(damage)
            refused(f"run={str(tmp_path)!r}: metrics.json is damaged", RunFolder(tmp_path).read_metrics)


class TestConfig:
    def test_round_trip(self, tmp_path, config):
        RunFolder(tmp_path).write_config(config, "a1b2")
        assert RunFolder(tmp_path).read_config() == {"run_format": RUN_FORMAT, "git_revision": "a1b2", **config}
        assert RunFolder(str(tmp_path)).read_config() == RunFolder(tmp_path).read_config()

    def test_no_folder(self, tmp_path):
        (tmp_path / "file").write_text("")
        for name in ("nothing", "file"):
            where = str(tmp_path / name)
            assert refused("", RunFolder(where).read_config) == f"run={where!r}: no such folder; {ALLOWED}"

    def test_no_config(self, tmp_path):
        text = refused("", RunFolder(tmp_path).read_config)
        assert text == f"run={str(tmp_path)!r}: holds no config.yaml; {ALLOWED}"

    @pytest.mark.parametrize("content", [b"model: {name: lstm", b"\x80\x02\x00", b"a: [1\nb: 2", b"a: ${\n"])
    def test_damaged(self, tmp_path, content):
        (tmp_path / "config.yaml").write_bytes(content)
        text = refused(f"run={str(tmp_path)!r}: config.yaml is damaged (", RunFolder(tmp_path).read_config)
        assert text.endswith(f"); {ALLOWED}")

    @pytest.mark.parametrize(
        "content", ["", "- a\n- b\n", "a: 1\n", "run_format: 1\nmodel: resnet\ntask: images\nseed: 0\n"]
    )
    def test_foreign(self, tmp_path, content):
        (tmp_path / "config.yaml").write_text(content)
        text = refused("", RunFolder(tmp_path).read_config)
        assert text == f"run={str(tmp_path)!r}: config.yaml is not one of src.train; {ALLOWED}"

    def test_cut_off_anywhere(self, tmp_path, config):
        RunFolder(tmp_path).write_config(config, "a1b2")
        lines = (tmp_path / "config.yaml").read_text().splitlines(keepends=True)
        sections = [i for i, line in enumerate(lines) if not line.startswith((" ", "-"))]
        for end in [*sections, len(lines) - 1]:
            (tmp_path / "config.yaml").write_text("".join(lines[:end]))
            refused(ALLOWED, RunFolder(tmp_path).read_config)

    @pytest.mark.parametrize("other", [0, 2, "abc", None])
    def test_another_format(self, tmp_path, config, other):
        RunFolder(tmp_path).write_config(config | {"run_format": other}, None)
        text = f"was written in format {other}; must be format {RUN_FORMAT}, which"
        refused(text, RunFolder(tmp_path).read_config)


class Hostile:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


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
def test_a_run_that_is_opened_again_answers_as_the_trained_network(trained, checkpoint):
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
    """Measured again, from the files alone."""
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


def test_a_checkpoint_that_is_no_file_is_refused_at_once(trained, tmp_path):
    """A pipe would be waited for without end."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_bytes((trained[0] / "config.yaml").read_bytes())
    os.mkfifo(folder / "checkpoints" / "best.ckpt")
    with pytest.raises(ConfigError, match=r"best\.ckpt': is no file; it must be one that src.train has saved"):
        load_run(folder)
