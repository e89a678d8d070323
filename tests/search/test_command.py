"""Command line of a search: refusals are one line, before anything is written."""

import re
import shutil
import sys

import pytest

from src.search import __main__ as command
from src.search import command as settings
from src.search import plan as plans
from src.settings import jobs, overrides
from src.settings.errors import ConfigError, UnknownKeyError

pytest.importorskip("optuna")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["name=null"], "name=None: must be a name of letters, digits, _ and -"),
        (["name=../up"], "name='../up': must be a name of letters, digits, _ and -"),
        (["~trials"], "~trials: must be left out; every search has all keys"),
        (["~spaces"], "~spaces: must be left out; every search has all keys"),
        (["~search"], "~search: must be left out; every search has all keys"),
        (["write=a/b"], "write='a/b': must be a name of letters, digits, _ and -"),
        (["trials=0"], "trials=0: must be an integer of at least 1"),
        (["trials=1,2"], "trials=1,2: must be one value; settings of src.train alone are searched"),
        (["workers=0"], "workers=0: must be an integer of at least 1"),
        (["seeds=[1,1]"], "seeds=[1, 1]: must be different seeds"),
        (["seeds=[1,5000000000]"], "seed=5000000000: must be an integer of at least 0 and at most 4294967295"),
        (["seeds=[]"], "seeds=[]: must be a list of integers of at least 0"),
        (["sampler=grid"], "sampler='grid': must be one of tpe, random"),
        (["sampler_seed=-1"], "sampler_seed=-1: must be an integer of at least 0"),
        (["prune=now"], "prune='now': must be one of median, none"),
        (["prune_trials=0"], "prune_trials=0: must be an integer of at least 1"),
        (["prune_validations=-1"], "prune_validations=-1: must be an integer of at least 0"),
        (["dry_run=3"], "dry_run=3: must be true or false"),
        (["conf=nowhere"], "conf='nowhere': must be a folder"),
        (["seed=3"], "seed=3: must be left out; seeds=[...] has them"),
        (["resume=a"], "resume=a: must be left out; repeat the command to resume"),
        (["retry_failed=1"], "retry_failed=1: must be true or false"),
        (["overrides=['dry_run=true']"], "dry_run=true: must be left out; it is for the command line"),
        (["debug=fast"], "debug=fast: must be left out; it cannot be searched"),
        (["hydra.run.dir=a"], "hydra.run.dir=a: must be left out; it is for src.train alone"),
        (["hydra/launcher=joblib"], "hydra/launcher=joblib: must be left out; it is for src.train alone"),
        (["~callbacks.pictures"], "~callbacks.pictures: must be left out; every run has all keys"),
        (["task=mnist1d,repeat_copy"], "task=mnist1d,repeat_copy: must be one value, for trials are compared"),
        (["trainer.max_steps=1,2"], "trainer.max_steps=1,2: must be one value, for trials are compared"),
        (["task.sequence_length=20,40"], "task.sequence_length=20,40: must be one value, for trials are compared"),
        (["task.recipe.max_steps=1,2"], "task.recipe.max_steps=1,2: must be one value, for trials are compared"),
        (["solve_threshold=1,2"], "solve_threshold=1,2: must be one value, for trials are compared"),
        (["overfit_batches=1,2"], "overfit_batches=1,2: must be one value, for trials are compared"),
        (["spaces.mlp=['recipe=1,2']"], "spaces.mlp: recipe=1,2: must be one value, for trials are compared"),
        (["seeds=3"], "seeds=3: must be a list of integers of at least 0"),
        (["model=[8"], None),
        (["overrides=3"], "overrides=3: must be a list of overrides of src.train, in quotes"),
        (["spaces=3"], "spaces=3: must be spaces.<model>=[...], a list of overrides of src.train, in quotes"),
        (["spaces.mlp=3"], "spaces.mlp=3: must be a list of overrides of src.train, in quotes"),
        (["spaces.gru=[]"], "spaces.gru: is not searched; must be of model=mlp"),
        (["spaces.mlp=['seed=1,2']"], "spaces.mlp: seed=1,2: must be left out; seeds=[...] has them"),
        (["spaces.mlp=['model=gru']"], "spaces.mlp: model=gru: must be left out; it is for one model"),
        (["optimizer.lr=0,1"], "optimizer.lr=0: must be a finite number above 0"),
        (["optimizer.lr=abc,1e-3"], "optimizer.lr='abc': must be a finite number above 0"),
        (["search=nope"], "search='nope': unknown search; must be one of repeat_copy"),
    ],
)  # fmt: skip
def test_refusals(line, tmp_path, given, text):
    with pytest.raises(ConfigError) as refusal:
        command.search(line(*given))
    if text is not None:
        assert str(refusal.value) == text
    assert [path.name for path in tmp_path.rglob("*")] == ["conf"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["trails=3"], "trails=3: unknown key 'trails'; must be one of conf, dry_run, "),
        (
            ["spaces.mlp=[]"],
            "model=mlp: there is nothing to search; must have a distribution",
        ),
        (
            ["model.nope=1,2"],
            "model.nope=1: unknown key 'model.nope'; must be under model one of _target_",
        ),
        (
            ["model=mlp,nope", "optimizer.lr=1,2"],
            "model='nope': unknown model; must be one of cnn, dms_ntm, dnc, gru",
        ),
    ],
)
def test_refusals_list_the_allowed_names(line, given, text):
    with pytest.raises(ConfigError) as refusal:
        command.search(line(*given))
    assert str(refusal.value).startswith(text)


def test_a_key_of_one_model_is_searched_for_that_model_alone(line):
    given = line("model=mlp,gru", "optimizer.lr=1e-3,1e-2", "model.hidden_size=int(interval(8,9))")
    with pytest.raises(UnknownKeyError, match=r"unknown key 'model\.hidden_size'") as refusal:
        settings.read(given)
    assert str(refusal.value).endswith(" (model=mlp); spaces.<model>=[...] is for keys of one model alone")
    given[-1] = "spaces.gru=['model.hidden_size=int(interval(8,9))']"
    plan, _ = settings.read(given)
    assert {name: list(model.space) for name, model in plan.models.items()} == {
        "mlp": ["model.hidden_sizes", "optimizer.lr"],
        "gru": ["model.hidden_size", "optimizer.lr"],
    }


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ("trainer.max_steps=4", "trainer.max_steps: is 3 for mlp, 4 for gru"),
        ("task=mnist1d_seed", "task.name: is mnist1d for mlp, mnist1d_seed for gru"),
        ("task.sequence_length=40", "task.sequence_length: is 20 for mlp, 40 for gru"),
        ("overfit_batches=2", "overfit_batches: is None for mlp, 2 for gru"),
        ("solve_threshold=2", "solve_threshold: is 0.1 for mlp, 2 for gru"),
    ],
)
def test_budgets_are_equal(line, own, text):
    given = line("model=mlp,gru", "optimizer.lr=1e-3,1e-2", f"spaces.gru=['{own}']")
    with pytest.raises(ConfigError) as refusal:
        settings.read(given)
    assert str(refusal.value) == f"{text}; must be given, an equal budget for all models"


def test_options_of_a_task_that_change_training_alone_may_differ_and_be_searched():
    """NTMs have noise on the count by default, and DNCs do not."""
    shared = ["model=ntm,dnc", "task=repeat_copy", "optimizer.lr=1e-3,2e-3", "task.end_weight=1.0,3.0"]
    found = plans.models(shared, {})
    assert [found[name].config["task"]["count_noise"] for name in ("ntm", "dnc")] == [0.08, 0.0]
    for key in ("task.width", "++task.width"):
        with pytest.raises(ConfigError, match=rf"^{re.escape(key)}=4,8: must be one value"):
            plans.models([*shared, f"{key}=4,8"], {})


def test_batches_and_recipes_are_searched_and_may_differ(line):
    given = line("model=mlp,gru", "task.batch_size=8,16", "task.recipe.lr=1e-3,1e-2", "task.cache=elsewhere")
    given.append("spaces.gru=['+trainer.accumulate_grad_batches=1,2', 'task.batch_size=4', 'task.cache=here']")
    plan, _ = settings.read(given)
    assert list(plan.models["mlp"].space) == ["model.hidden_sizes", "task.batch_size", "task.recipe.lr"]
    assert list(plan.models["gru"].space) == ["+trainer.accumulate_grad_batches", "task.recipe.lr"]


def test_solved_runs_continue_unless_stop_when_solved_is_true(line):
    given = line("optimizer.lr=1e-3,1e-2")
    for line, stops in ((given, False), ([*given, "stop_when_solved=true"], True)):
        plan, _ = settings.read(line)
        assert plan.models["mlp"].config["stop_when_solved"] is stops


def test_an_experiment_of_another_author_is_not_overwritten(line, tmp_path):
    path = tmp_path / "conf" / "experiment" / "tiny" / "mlp.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("# @package _global_\n# Mine.\n")
    with pytest.raises(ConfigError) as refusal:
        command.search(line())
    assert str(refusal.value) == f"write='tiny': {path} is not of this search; must be another name, or null"
    assert not (tmp_path / "tiny").exists()


def test_an_experiment_that_the_search_starts_from_is_not_overwritten(line, tmp_path, monkeypatch):
    shutil.copytree(settings.CONF, tmp_path / "conf", dirs_exist_ok=True)
    for module in (settings.cli, jobs, overrides):
        monkeypatch.setattr(module, "CONF", str(tmp_path / "conf"))
    path = tmp_path / "conf" / "experiment" / "tiny" / "mlp.yaml"
    path.parent.mkdir()
    plan, _ = settings.read(line())
    tmp_path.joinpath("tiny").mkdir()
    plan = command.plans.begin(plan)
    path.write_text(f"# @package _global_\n# {command.results.first_line(plan)}\nseed: 3\n")
    with pytest.raises(ConfigError) as refusal:
        command.search(line("experiment=tiny/mlp"))
    assert str(refusal.value) == (
        "write='tiny': experiment=tiny/mlp would be written over; must be another name, or null"
    )


def test_the_folder_must_be_writable(line, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^folder='.*tiny': cannot be written"):
        command.search(line(f"folder={tmp_path}/file"))


def test_the_folder_of_the_experiments_must_be_writable(line, tmp_path):
    (tmp_path / "conf" / "experiment").write_text("")
    with pytest.raises(ConfigError, match=r"^conf='.*/conf/experiment/tiny': cannot be written"):
        command.search(line())
    settings.read(line("write=null"))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("# @package _global_\ntrails: 3", "trails: unknown key of a search; must be one of conf, dry_run, "),
        ("trials: 3", "search: unknown key of a search; must be one of conf, dry_run, "),
        ("# @package _global_\nspaces: 3", "spaces=3: must have a list of overrides of src.train for each"),
        ("# @package _global_\nspaces: [a]", "spaces=['a']: must have a list of overrides of src.train for each"),
    ],
)
def test_a_search_file_with_an_unknown_key_or_invalid_spaces_is_refused(
    line, tmp_path, monkeypatch, content, text
):
    shutil.copytree(settings.CONF, tmp_path / "other")
    (tmp_path / "other" / "search" / "mine.yaml").write_text(content)
    for module in (settings.cli, jobs, overrides):
        monkeypatch.setattr(module, "CONF", str(tmp_path / "other"))
    with pytest.raises(ConfigError) as refusal:
        settings.read(line("search=mine"))
    assert str(refusal.value).startswith(text)


def test_a_search_needs_optuna(line, monkeypatch):
    monkeypatch.setattr(settings.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as refusal:
        settings.read(line())
    assert str(refusal.value) == "src.search: needs optuna, which `make search` installs"


def test_the_command_line_overrides_a_search_file(line):
    plan, asked = settings.read(["search=repeat_copy", "optimizer.lr=1e-3,1e-2", "trials=3"])
    assert (plan.folder.name, asked.trials, asked.write) == ("repeat_copy", 3, "repeat_copy")
    assert plan.models["ntm"].space == {"optimizer.lr": "1e-3,1e-2"}
    assert plan.models["dms_ntm"].space == {
        "model.sigma_init": "tag(log,interval(0.3,4))",
        "optimizer.lr": "1e-3,1e-2",
    }
    assert plan.models["ntm"].config["trainer"]["max_steps"] == 20000


def test_a_dry_run_writes_nothing(line, tmp_path, capsys):
    assert command.search(line("dry_run=true", "workers=2")) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].split()[:3] == ["mlp", "2", "4"]
    assert "with 2 workers; pruning makes it less. Nothing was run." in printed
    assert [path.name for path in tmp_path.rglob("*")] == ["conf"]


def test_multirun_is_refused_and_help_is_printed(line, monkeypatch, capsys):
    monkeypatch.setattr(command.logging, "basicConfig", lambda **_: None)
    monkeypatch.setattr(command.logging.root, "handlers", list(command.logging.root.handlers))
    monkeypatch.setattr(sys, "argv", ["search", "-m", *line()])
    with pytest.raises(SystemExit) as end:
        command.run()
    assert end.value.code == 2
    refusal = "error: -m: is for src.train alone; must be left out of src.search\n"
    assert capsys.readouterr() == ("", refusal)
    monkeypatch.setattr(sys, "argv", ["search", "--help", "trials=7", "model=mlp,gru", "spaces.gru=[]"])
    with pytest.raises(SystemExit) as end:
        command.run()
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert "int(...) for whole numbers" in printed
    assert "\ntrials: 7\n" in printed
