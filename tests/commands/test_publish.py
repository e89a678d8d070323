"""Publishing a run: the files that are copied, and refusals."""

import shutil

import pytest
import torch
from hydra import compose, initialize_config_dir

from src.common.files import write_json
from src.common.paths import CONF
from src.publish import publish
from src.run.load import load_run
from src.settings import keys
from src.settings.errors import ConfigError
from tests.helpers import train_small, written


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("publish") / "run"
    train_small(folder, "trainer.max_steps=2", model="lstm")
    return folder


def settings(folder, to, **others):
    with initialize_config_dir(CONF, version_base="1.3"):
        plain = keys.resolve(compose("publish"))
    return plain | {"run": str(folder), "to": str(to)} | others


def test_a_published_run_has_the_outputs_of_the_original(trained, tmp_path, rng):
    place = publish(settings(trained, tmp_path / "published", name="it"))
    assert place == tmp_path / "published" / "it"
    assert sorted(path.name for path in place.iterdir()) == [
        "checkpoints", "config.yaml", "figures", "history.csv", "metrics.json",
    ]  # fmt: skip
    copy, original = load_run(place), load_run(trained)
    x = torch.randn(2, 5, copy.task.input_size, generator=rng)
    assert torch.equal(copy.model(x)[0], original.model(x)[0])
    assert copy.metrics == original.metrics
    stored = torch.load(place / "checkpoints" / "best.ckpt", weights_only=True)
    assert list(stored) == ["state_dict"]
    assert all(name.startswith("network.") for name in stored["state_dict"])
    assert [path.name for path in (tmp_path / "published").iterdir()] == ["it"]


def refused(cfg):
    with pytest.raises(ConfigError) as refusal:
        publish(cfg)
    return str(refusal.value)


def test_a_refused_run_leaves_no_folder(trained, tmp_path):
    cfg = settings(trained, tmp_path / "published")
    where = f"run={str(trained)!r}"
    assert refused(cfg | {"run": None}).startswith("run=None: must be the folder of a run")
    assert refused(cfg | {"run": str(tmp_path / "no")}).startswith(f"run='{tmp_path}/no': no such folder")
    assert refused(cfg | {"name": "a/b"}) == "name='a/b': must be a name, without a path"
    assert refused(cfg | {"name": ""}) == "name='': must be a name, without a path"
    assert refused(cfg | {"largest_kib": 0}) == "largest_kib=0: must be an integer of at least 1"
    text = "KiB; must be at most largest_kib=1"
    assert refused(cfg | {"largest_kib": 1}).startswith(f"{where}: its weights take ")
    assert refused(cfg | {"largest_kib": 1}).endswith(text)
    assert not list((tmp_path / "published").iterdir())
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refused(cfg | {"to": str(tmp_path / "file")})

    place = publish(cfg)
    text = f"{place} exists already; must be a new name"
    assert refused(cfg) == f"{where}: {text}"
    assert refused(cfg | {"name": "run"}) == f"name='run': {text}"

    stopped = shutil.copytree(trained, tmp_path / "stopped")
    write_json(stopped / "metrics.json", written(stopped) | {"status": "stopped"})
    assert refused(cfg | {"run": str(stopped)}) == f"run='{stopped}': is stopped; must be a finished run"
    (stopped / "history.csv").unlink()
    write_json(stopped / "metrics.json", written(stopped) | {"status": "finished"})
    assert refused(cfg | {"run": str(stopped)}) == f"run='{stopped}': holds no history.csv; must be a finished run"
    (stopped / "metrics.json").unlink()
    assert refused(cfg | {"run": str(stopped)}) == f"run='{stopped}': is not ended; must be a finished run"
