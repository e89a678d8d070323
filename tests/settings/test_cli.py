"""Command line: refusals with their texts, and no files left behind."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from src import evaluate
from src.common.checks import Refusal
from src.launch import command as command_of_train
from src.launch import job as job_of_launch
from src.settings import cli, jobs, overrides
from src.settings.errors import ConfigError
from src.settings.overrides import FORM
from tests.helpers import small

ROOT = Path(__file__).resolve().parents[2]
POSITIVE = "must be an integer of at least 1"
#: Overrides, and what the refusal says.
REFUSED = [
    (
        "model=nope",
        "model='nope': unknown model; must be one of cnn, dms_ntm, dnc, gru, lie_access_ntm, lstm, min_gru, "
        "mlp, ntm, panm, resnet1d, tape_rnn, transformer",
    ),
    ("task=nope", "task='nope': unknown task; must be one of "),
    ("optimizer=nope", "optimizer='nope': unknown optimizer; must be one of adam, adamw, rmsprop, rmsprop_graves"),
    ("experiment=nope", "experiment='nope': unknown experiment; must be one of "),
    ("debug=nope", "debug='nope': unknown debug; must be one of fast, limit, overfit, profile"),
    ("seedd=1", "seedd=1: unknown key 'seedd'; must be one of callbacks, "),
    ("+seedd=1", "+seedd=1: unknown key 'seedd'; a key may be added only under "),
    ("model.foo=1", "model.foo=1: unknown key 'model.foo'; must be under model one of _target_, beta_bias, "),
    ("+model.foo=1", "model.foo=1: unknown key; must be one of beta_bias, bookmark_bias, "),
    ("+trainer.foo=1", "trainer.foo=1: unknown key; must be one of accelerator, "),
    ("+logger.foo=1", "logger.foo=1: must be a section of keys, as in conf/"),
    ("+logger.tensorboard.foo=1", "logger.tensorboard.foo=1: unknown key; must be one of log_graph, "),
    ("~callbacks.history", "callbacks.history=None: cannot be left out"),
    ("seed=1,2", "seed=1,2: must be one value, or a sweep over several with -m"),
    ("seed=[", f"'seed=[': {FORM} (no viable alternative at input '[')"),
    ("seed", f"'seed': {FORM} (Error parsing override 'seed')"),
    ("=3", f"'=3': {FORM}"),
    ("seed=ü", f"'seed=ü': {FORM} (Lexer"),
    ("seed=\udcff", "'seed=\\udcff': must be text in UTF-8"),
    ("seed=???", "seed=???: must be a value, and ??? stands for none"),
    ("optmizer.lr=1", "optmizer.lr=1: unknown key 'optmizer'; must be one of callbacks, "),
    ("modle/x=ntm", "modle/x=ntm: unknown key 'modle'; must be one of callbacks, "),
    ("seed.x=3", "seed.x=3: unknown key 'seed.x'; must be seed, which has no keys of its own"),
    ("hydra.sweep.x=x", "hydra.sweep.x=x: unknown key 'hydra.sweep.x'; must be under hydra.sweep one of dir, "),
    ("task.test_cells.x=3", "task.test_cells.x=3: invalid literal for int()"),
    ("~hydra", "~hydra: Could not delete 'hydra'"),
    (
        "experiment=mnist1d_table/x",
        "experiment='mnist1d_table/x': unknown experiment; must be one of mnist1d_table/",
    ),
    ("model=[lstm,gru]", "model=[lstm,gru]: must be the name of one choice, or with -m several"),
    ("logger=[csv,nope]", "logger='nope': unknown logger; must be one of csv, mlflow, none, tensorboard, wandb"),
    ("logger=[csv,csv]", "logger=[csv,csv]: names one choice twice; must be different ones"),
    ("logger=[]", "logger=[]: must be the name of one choice or of several; none is logger=none"),
    ("logger=[csv,[none]]", "logger=[csv,[none]]: must be the name of one choice, or with -m several"),
    (
        "task=[repeat_copy]",
        "task=[repeat_copy]: must be the name of one choice, or with -m several, as in task=a,b",
    ),
    (
        "-m model=[lstm,gru],ntm",
        "model=[lstm,gru],ntm: must be the name of one choice, or with -m several, as in ",
    ),
    ("experiment=null", "experiment=null: must be the name of one choice"),
    ("hydra/launcher=[basic]", "hydra/launcher=[basic]: must be the name of one choice"),
    ("+logger=csv", "+logger=csv: must be logger=csv, for there is one already"),
    ("hydra.mode=MULTIRUN", "hydra.mode=MULTIRUN: must be left out; -m makes a sweep, nothing else does"),
    ("-m hydra.mode=RUN", "hydra.mode=RUN: must be left out; -m makes a sweep, nothing else does"),
    (
        "seed=${nothing}",
        "seed=${nothing}: Interpolation key 'nothing' not found; ${...} must name an existing key",
    ),
    ("figure={cmap:${a}}", "figure={cmap:${a}}: Interpolation key 'a' not found"),
    (
        "hydra.run.dir=x${b}",
        "hydra.run.dir: Interpolation key 'b' not found; must be a folder; ${...} in its name must ",
    ),
    ("hydra.run.dir=x\\${b}", "hydra.run.dir='x${b}': must be a folder without ${ in its path, which Hydra would"),
    ("hydra.searchpath=/tmp", "hydra.searchpath=/tmp: must be hydra.searchpath=[file://<folder>,...]"),
    ("+hydra.searchpath=[/tmp]", "+hydra.searchpath=[/tmp]: must be hydra.searchpath=[file://<folder>,...]"),
    ("hydra.searchpath=[nope]", "hydra.searchpath=[nope]: no folder 'nope'; must hold files like those of conf/"),
    ("--config-dir nope", "--config-dir='nope': no such folder; must hold files like those of conf/"),
    ("--config-name evaluate", "--config-name: cannot be used here; must be left out (--config-dir adds "),
    ("--config-path conf", "--config-path: cannot be used here; must be left out (--config-dir adds "),
    ("--experimental-rerun x", "--experimental-rerun: cannot be used here; must be left out"),
    ("-sc install=bash", "--shell-completion: cannot be used here; must be left out"),
    ("--nope", "unrecognized arguments: --nope; --help and --hydra-help list the options"),
    ("--cfg nope", "argument --cfg/-c: invalid choice: 'nope'"),
    ("--run -m seed=1", "--run, --multirun: must be one of them"),
    ("--cfg job --info", "--cfg, --info: must be one of them"),
    ("--resolve", "--resolve: must be given with --cfg"),
    ("-p model", "--package: must be given with --cfg"),
    ("-m seed=range(0,100000)", "seed=range(0,100000): makes more than 10,000 jobs; must be several sweeps"),
    ("-m seed=range(0,200) solve_threshold=range(0,1,0.01)", "solve_threshold=range(0,1,0.01): makes more than "),
    ("-m seed=range(5,1)", "seed=range(5,1): gives no value; must give at least one"),
    ("-m seed=range(0,1,0)", "seed=range(0,1,0): range() arg 3 must not be zero; must be values, a,b or range("),
    (
        "-m seed=interval(0,1)",
        "seed=interval(0,1): must be values, a,b or range(...); src.search has distributions",
    ),
    ("-m seed=", "seed='': must be an integer of at least 0"),
    ("-m model.word_size=0,-1 seed=0,1", "model.word_size=0: must be an integer of at least 1"),
    ("-m hydra.sweep.subdir=../x", "hydra.sweep.subdir='../x': must be a folder within hydra.sweep.dir"),
    ("-m hydra.sweep.subdir=/x", "hydra.sweep.subdir='/x': must be a folder within hydra.sweep.dir"),
    ("model.memory_slots=abc", f"model.memory_slots='abc': {POSITIVE}"),
    ("model.memory_slots=2.5", f"model.memory_slots=2.5: {POSITIVE}"),
    ("model.word_size=0", f"model.word_size=0: {POSITIVE}"),
    ("model.controller=rnn", "model.controller='rnn': must be one of lstm, gru, feedforward"),
    ("model.controller_size=-3", f"model.controller_size=-3: {POSITIVE}"),
    ("model.content_addressing=3", "model.content_addressing=3: must be true or false"),
    ("model.engine=fast", "model.engine='fast': must be one of auto, "),
    ("model.sigma_init=0.05", "model.sigma_init=0.05: must be above sigma_min=0.1"),
    ("model.sigma_min=nan", "model.sigma_min=nan: must be a finite number of at least 1e-06"),
    ("model.jump_range=inf", "model.jump_range=inf: must be a finite number above 0"),
    ("model=ntm model.shift_range=0", f"model.shift_range=0: {POSITIVE}"),
    ("model=lstm model.num_layers=1.5", f"model.num_layers=1.5: {POSITIVE}"),
    (
        "model=tape_rnn task=mqar",
        "model.oracle=True: tape_rnn is told how many steps come before the answer, and mqar has",
    ),
    ("model=tape_rnn task=dynamic_ngrams", "model.oracle=True: tape_rnn is told how many steps"),
    ("model=tape_rnn model.oracle=maybe", "model.oracle='maybe': must be true or false"),
    ("model=tape_rnn model.mlp_sizes=[]", "model.mlp_sizes=[]: must be a list of integers of at least 1"),
    (
        "model=transformer model.positions=learned task=copy model.max_positions=240",
        "model.max_positions=240: transformer takes sequences of at most 240 steps; must be larger on copy, ",
    ),
    ("model=transformer model.hidden_size=30", "model.hidden_size=30: must be a multiple of num_heads=4"),
    (
        "model=transformer model.positions=sine",
        "model.positions='sine': must be one of rotary, alibi, none, learned",
    ),
    (
        "model=panm model.address_bits=7 task=copy",
        "model.address_bits=7: panm takes sequences of at most 128 steps;",
    ),
    ("model=dnc model.mask_keys=2", "model.mask_keys=2: must be true or false"),
    ("model=dnc model.engine=fused model.mask_keys=true", "model.engine='fused': must be auto or reference"),
    ("model=dnc model.write_heads=2", "model.write_heads=2: unknown key 'model.write_heads'"),
    (
        "model=lie_access_ntm model.dimensions=3",
        "model.dimensions=3: must be an integer of at least 1 and at most 2",
    ),
    ("model=min_gru model.num_layers=0", f"model.num_layers=0: {POSITIVE}"),
    ("model=mlp", "model.name='mlp': reads sequences of one length and answers once"),
    ("model=cnn", "model.name='cnn': reads sequences of one length and answers once"),
    ("model=resnet1d", "model.name='resnet1d': reads sequences of one length and answers once"),
    ("model=cnn task=mnist1d model.channels=0", f"model.channels=0: {POSITIVE}"),
    ("model=resnet1d task=mnist1d model.channels=2.5", f"model.channels=2.5: {POSITIVE}"),
    ("model=resnet1d task=mnist1d model.blocks=0", f"model.blocks=0: {POSITIVE}"),
    ("task.min_length=5 task.max_length=3", "task.min_length=5: must be at most max_length=3"),
    ("task.max_repeats=0", f"task.max_repeats=0: {POSITIVE}"),
    ("task.test_cells=[[10]]", "task.test_cells[0]=[10]: must be one value for each of [length, repeats]"),
    ("task=mnist1d task.sequence_length=30", "task.sequence_length=30: must be one of 40, 20"),
    ("task=mnist1d task.batch_size=5000", f"task.batch_size=5000: {POSITIVE} and at most 3200"),
    ("optimizer.lr=nan", "optimizer.lr=nan: must be a finite number above 0"),
    ("optimizer.lr=inf", "optimizer.lr=inf: must be a finite number above 0"),
    ("optimizer.lr=-1", "optimizer.lr=-1: must be a finite number above 0"),
    ("optimizer.lr=0", "optimizer.lr=0: must be a finite number above 0"),
    ("optimizer.betas=[2,3]", "optimizer: AdamW refuses "),
    ("optimizer=rmsprop_graves optimizer.rho=1", "optimizer.rho=1: must be a finite number of at least 0"),
    ("schedule.warmup=2", "schedule.warmup=2: must be a finite number of at least 0 and below 1"),
    ("trainer.max_steps=0", f"trainer.max_steps=0: {POSITIVE}"),
    ("trainer.max_steps=2.5", f"trainer.max_steps=2.5: {POSITIVE}"),
    ("trainer.gradient_clip_val=0", "trainer.gradient_clip_val=0: must be a finite number above 0"),
    ("trainer.accelerator=abacus", "trainer.accelerator='abacus': must be one of auto, cpu, "),
    ("trainer.devices=none", "trainer: Trainer refuses "),
    ("trainer.deterministic=maybe", "trainer.deterministic='maybe': must be one of True, False, warn"),
    ("seed=1.5", "seed=1.5: must be an integer of at least 0"),
    ("seed=-1", "seed=-1: must be an integer of at least 0"),
    ("seed=null", "seed=None: must be an integer of at least 0"),
    ("stop_when_solved=3", "stop_when_solved=3: must be true or false"),
    ("solve_threshold=-1", "solve_threshold=-1: must be a finite number of at least 0"),
    ("validate_every=0", f"validate_every=0: {POSITIVE}"),
    ("overfit_batches=0", f"overfit_batches=0: {POSITIVE}"),
    ("callbacks.pictures.every=0", f"callbacks.pictures.every=0: {POSITIVE}"),
    ("figure.cmap=nope", "figure.cmap='nope': must be a colour map of matplotlib"),
]


@pytest.fixture
def command(monkeypatch, tmp_path, capsys, unchecked_types):
    """Run a command line with the work replaced by a mock; returns exit code and standard error."""

    def run(*arguments, module=None, name="train"):
        called = []
        monkeypatch.setattr(job_of_launch, "run_single", lambda *_: called.append(True))
        monkeypatch.setattr(cli, "ask", lambda *_: called.append(True))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [f"src.{name}", *arguments])
        try:
            if module is None:
                command_of_train.command()
            else:
                cli.run(name, lambda cfg: called.append(True), module.refuse)
            code = 0
        except SystemExit as end:
            code = end.code
        assert called == ([True] if code == 0 else [])
        assert not list(tmp_path.iterdir())
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(("line", "text"), REFUSED, ids=[line for line, _ in REFUSED])
def test_a_refusal_is_one_line_and_leaves_no_files(command, line, text):
    code, error = command(*line.split())
    assert code == 2
    assert error.startswith(f"error: {text}")
    assert len(error.splitlines()) == 1


GRU = "mnist1d_table/gru"


@pytest.mark.parametrize(
    ("overrides", "meant"),
    [
        *(("modle=ntm", "model"), ("optmizer.lr=1", "optimizer"), ("model.memry_slots=4", "memory_slots")),
        *(("model=ntmm", "ntm"), ("+modl.x=1", "model"), ("+model.sigma_mn=3", "sigma_min")),
        *(
            ("+trainer.precison=64", "precision"),
            ("~callbacks.histry", "history"),
            ("hydra/launcher=basc", "basic"),
        ),
        *(("hydra.laucher.x=1", "launcher"), ("experiment=mnist1d_table/gro", "mnist1d_table/gru")),
        *(("expriment=mnist1d", "experiment"), ("debg=fast", "debug"), ("experiment=mnist1d_tabl/gru", GRU)),
        *(("model=DMS_NTM", "dms_ntm"), ("logger=[tensorbord,csv]", "tensorboard"), ("sed=1", "seed")),
        *(("optimizer.l=1", "lr"), ("task.bach_size=3", "batch_size"), ("trainer.max_stpes=3", "max_steps")),
        *(("callbacks.pictures.evry=3", "every"), ("+callbacks.picture.every=3", "pictures")),
        *(("++logger.tensorbord.x=1", "tensorboard"), ("++optimizer.l=1", "lr"), ("~task.widht", "width")),
        *(
            ("++hydra.rnu.dir=x", "run"),
            ("+hydra.run.dri=x", "dir"),
            ("recipe=repeat_copy_lst", "repeat_copy_lstm"),
        ),
        *(("+validate_evry=3", "validate_every"), ("++figure.cmpa=jet", "figure.cmap")),
        *(("++task.recipe.max_stpes=3", "task.recipe.max_steps"), ("task.recipe={lrr:3}", "lr")),
        # a key of another section, and an argument that conf/ leaves to its default
        *(("lr=1e-3", "optimizer.lr"), ("memory_slots=3", "model.memory_slots"), ("trainer.lr=3", "optimizer.lr")),
        *(("trainer.precision=64", "+trainer.precision"), ("optimizer.maximise=true", "+optimizer.maximize")),
        # values
        *(
            ("model.controller=lsmt", "lstm"),
            ("figure.cmap=vridis", "viridis"),
            ("trainer.accelerator=gpuu", "gpu"),
        ),
        *(("-m model=ntm,lsmt", "lstm"), ("-m optimizer.l=1,2", "lr")),
    ],
)
def test_a_misspelt_name_gets_a_hint(command, overrides, meant):
    code, error = command(*overrides.split())
    assert (code, error.count("\n")) == (2, 1)
    assert error.endswith(f"; did you mean {meant!r}?\n")


@pytest.mark.parametrize(
    ("name", "line", "meant"),
    [
        ("evaluate", "run=x checkpiont=last", "checkpoint"),
        ("evaluate", "run=x ++gird.lengths=[3]", "grid"),
        ("replay", "run=x figure.cmpa=jet", "cmap"),
        ("report", "runs=x published={nam:3}", "name"),
        ("publish", "run=x nmae=3", "name"),
        ("study", "stduy=mnist1d_table", "study"),
        ("study", "study=mnist1d_tabel", "mnist1d_table"),
        ("study", "study=mnist1d_table +onyl=run", "only"),
        ("search", "search=repeat_cpy", "repeat_copy"),
    ],
)
def test_misspelt_names_of_other_commands_get_a_hint(name, line, meant):
    with pytest.raises(ConfigError, match=rf"; did you mean '{meant}'\?$"):
        cli.composed(name, line.split())


@pytest.mark.parametrize(
    ("name", "line", "text"),
    [
        ("train", "~seed ~task.name ~trainer", "seed, trainer, task.name: cannot be left out"),
        ("evaluate", "~grid", "grid: cannot be left out"),
        ("evaluate", "grid=3", "grid=3: must be a section of keys, as in conf/"),
        ("evaluate", "~out", "~out: must be left out, for out is null already"),
        ("evaluate", "+model.x=1", "+model.x=1: unknown key 'model.x'; a key may be added only under grid, hydra"),
        ("replay", "~fps ~figure", "fps, figure: cannot be left out"),
        ("report", "~published.name", "published.name: cannot be left out"),
        ("publish", "~to", "to: cannot be left out"),
        ("study", "~workers", "workers: cannot be left out"),
        ("train", "++seed=3", "++seed=3: must be seed=3, for there is one already"),
        ("train", "model@modle=ntm", "model@modle=ntm: must be without @modle; every section has one name"),
    ],
)
def test_a_configuration_that_lacks_keys_is_refused(name, line, text):
    with pytest.raises(ConfigError) as refusal:
        cli.composed(name, line.split())
    assert str(refusal.value) == text


def test_a_task_without_its_recipe_is_told_all_that_is_missing(command, tmp_path_factory):
    """What other files refer to depends on the optimiser and the schedule."""
    conf = tmp_path_factory.mktemp("conf")
    (conf / "task").mkdir()
    (conf / "recipe").mkdir()
    (conf / "task" / "mine.yaml").write_text(
        "_target_: src.tasks.repeat_copy.RepeatCopy\nbatch_size: ${task.recipe.batch_size}\nrecipe: {lr: 0.1}\n"
    )
    (conf / "recipe" / "mine.yaml").write_text("# @package task.recipe\nbatch_size: 2\nmax_steps: 3\n")
    given = ["--config-dir", str(conf), "task=mine"]
    always = ["clip_norm", "validate_every"]
    for more, keys in (
        ([], ["batch_size", "final", "max_steps", "warmup", "weight_decay"]),
        (["recipe=mine", "optimizer=adam"], ["final", "warmup"]),
    ):
        code, error = command(*given, *more)
        missing = ", ".join(f"task.recipe.{key}" for key in sorted(always + keys))
        assert (code, error) == (2, f"error: task.name, {missing}: cannot be left out\n")


def test_valid_command_lines_are_run(command):
    for given in ([], ["model=ntm", "seed=0"], ["+trainer.precision=32"], ["--help"], ["-m", "--help"]):
        assert command(*given) == (0, "")
    for line in ("--info", "--info searchpath", "--cfg job --resolve", "-c all -p hydra", "--hydra-help"):
        assert command(*line.split()) == (0, "")
    assert command("hydra.mode=RUN", "seed=1", "seed=2") == (0, "")


LONG = "x" * 300
DEEP = "/".join(["y" * 200] * 25)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        *((f"{key}={name}", key) for key in ("hydra.run.dir", "hydra.output_subdir") for name in (LONG, DEEP)),
        *((f"-m {key}={name}", key) for key in ("hydra.sweep.dir", "hydra.sweep.subdir") for name in (LONG, DEEP)),
    ],
    ids=str,
)
def test_a_folder_with_a_too_long_name_is_refused(command, line, key):
    code, error = command(*line.split())
    assert (code, error.count("\n")) == (2, 1)
    assert error.startswith(f"error: {key}='")
    assert "': cannot be written (File name too long); must be a folder that can" in error


def test_checking_a_folder_leaves_no_files(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    before = sorted(tmp_path.rglob("*"))
    for name in ("new/folder", "", "new/../other"):
        cli.check_writable("out", tmp_path / name)
    for name in ("file", "file/x", "link", "link/x", "a\0b"):
        with pytest.raises(
            ConfigError, match=r"^out='.*': cannot be written \(.*\); must be a folder that can; or"
        ):
            cli.check_writable("out", tmp_path / name, "; or else")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def choices(tmp_path_factory):
    """A folder like conf/ with experiments."""
    folder = tmp_path_factory.mktemp("it's ") / "experiment"
    folder.mkdir()
    contents = {
        "mine": "defaults: [override /model: gru]\nseed: 7",
        "mode": "hydra: {mode: MULTIRUN}",
        "nul": 'hydra: {run: {dir: "a\\0b"}}',
        "two": "defaults: [override /schedule: [constant, cosine]]",
        "broken": "seed: [1\nb: }",
    }
    for name, content in contents.items():
        (folder / f"{name}.yaml").write_text(f"# @package _global_\n{content}\n")
    return folder.parent


def test_config_dir_adds_choices(command, choices):
    given = ["--config-dir", str(choices)]
    assert command(*given, "experiment=mine") == (0, "")
    assert command(*given, "experiment=mine", "hydra.searchpath=['file:///tmp']") == (0, "")
    refused = {
        "mode": "hydra.mode=MULTIRUN: must be left out",
        "nul": "hydra.run.dir='a\\x00b': cannot be written (embedded null byte)",
        "two": "schedule: is given a list in a file of settings; must be one choice",
        "broken": "experiment=broken: while parsing a flow sequence in ",
        "min": "experiment='min': unknown experiment; must be one of broken, mine, ",
    }
    for name, text in refused.items():
        code, error = command(*given, f"experiment={name}")
        assert (code, error.startswith(f"error: {text}"), error.count("\n")) == (2, True, 1), error


def test_config_dir_becomes_an_override_that_jobs_have(monkeypatch, choices):
    monkeypatch.chdir(choices.parent)
    line = ["experiment=mine", "-m", "seed=1,2", "--config-dir", choices.name, "hydra.searchpath=[/tmp]"]
    monkeypatch.setattr(sys, "argv", ["src.train", *line])
    read = cli.read()
    assert (read.overrides[:-1], read.multirun, read.asks_only) == (["experiment=mine", "seed=1,2"], True, False)
    (found,) = [one.value() for one in cli.parsed(read.overrides) if one.key_or_group == "hydra.searchpath"]
    assert list(map(str, found)) == [f"file://{choices}", "/tmp"]
    assert [job.config.model.name for job in cli.composed("train", *read[:2])] == ["gru", "gru"]


def test_a_missing_accelerator_is_refused(command, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, error = command("trainer.accelerator=gpu")
    assert (code, error.startswith("error: trainer.accelerator='gpu': there is no CUDA device here")) == (2, True)


@pytest.mark.parametrize(("arguments", "key"), [([], "hydra.run.dir"), (["-m", "seed=0,1"], "hydra.sweep.dir")])
def test_an_output_folder_that_cannot_be_written_is_refused(command, tmp_path_factory, arguments, key):
    file = tmp_path_factory.mktemp("other") / "file"
    file.write_text("precious")
    code, error = command(*arguments, f"{key}={file}/run")
    assert code == 2
    assert error.startswith(f"error: {key}='{file}/run': cannot be written (")
    assert file.read_text() == "precious"


def test_a_sweep_is_composed_job_by_job():
    sweep = cli.composed("train", ["model=ntm,lstm", "seed=0,1"], multirun=True)
    chosen = [(job.config.model.name, job.config.seed) for job in sweep]
    assert chosen == [("ntm", 0), ("ntm", 1), ("lstm", 0), ("lstm", 1)]
    with pytest.raises(ConfigError, match="model='nope': unknown model"):
        cli.composed("train", ["model=ntm,nope"], multirun=True)


def test_the_size_of_a_large_sweep_is_printed_before_it_is_composed(monkeypatch, capsys):
    monkeypatch.setattr(overrides, "MANY_JOBS", 3)
    assert len(cli.composed("train", ["seed=range(0,4)"], multirun=True)) == 4
    assert capsys.readouterr().err == "composing 4 jobs\n"


def test_evaluate_needs_a_run(command):
    code, error = command(module=evaluate, name="evaluate")
    assert (code, error.startswith("error: run=None: must be the folder of a run")) == (2, True)


@pytest.mark.parametrize("module", ["evaluate", "publish", "replay", "report"])
def test_refusals_of_other_commands(monkeypatch, capsys, tmp_path, module):
    monkeypatch.chdir(tmp_path)
    key = "runs" if module == "report" else "run"
    cases = {
        f"{key}={LONG}": f"{key}='{LONG}': no such folder; must be ",
        f"{key}x=1": f"{key}x=1: unknown key '{key}x'; must be one of ",
        f"{key}=${{b}}": f"{key}=${{b}}: Interpolation key 'b' not found",
        "hydra.mode=MULTIRUN": "hydra.mode=MULTIRUN: must be left out",
        "--config-name=train": "--config-name: cannot be used here",
        "-m": f"-m: is for src.train alone; must be left out of src.{module}",
    }
    found = importlib.import_module(f"src.{module}" + (".__main__" if module in ("replay", "report") else ""))
    for line, text in cases.items():
        monkeypatch.setattr(sys, "argv", [f"src.{module}", line])
        with pytest.raises(SystemExit) as end:
            cli.run(module, lambda cfg: None, found.refuse)
        error = capsys.readouterr().err
        assert (end.value.code, error.startswith(f"error: {text}"), error.count("\n")) == (2, True, 1), error
    assert not list(tmp_path.iterdir())


def test_a_fault_of_the_machine_is_one_line_with_exit_code_1(capsys, tmp_path):
    with pytest.raises(SystemExit) as end, cli.failures():
        (tmp_path / "gone" / "report.md").write_text("")
    assert end.value.code == 1
    assert capsys.readouterr().err == f"error: '{tmp_path}/gone/report.md': No such file or directory\n"


@pytest.mark.parametrize("failure", [ConfigError, Refusal])
def test_a_refusal_after_work_has_begun_is_one_line_with_exit_code_1(capsys, failure):
    with pytest.raises(SystemExit) as end, cli.failures():
        raise failure("pairs=129: must be at most half of vocabulary=256")
    assert end.value.code == 1
    assert capsys.readouterr().err == "error: pairs=129: must be at most half of vocabulary=256\n"


def process(module, *arguments):
    command = [sys.executable, "-m", f"src.{module}", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_train_ends_with_a_table_and_the_folder(tmp_path):
    done = process("train", *small(f"hydra.run.dir={tmp_path}/run", model="lstm"))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    header, *rows = done.stdout.strip().splitlines()[-7:-2]
    assert "error_bits" in header
    assert [row.split()[0] for row in rows] == ["in_distribution", "guessing", "3x4", "guessing"]
    assert done.stdout.splitlines()[-1] == f"finished: {tmp_path}/run"
    assert "721 parameters" in (tmp_path / "run" / "train.log").read_text()


def test_an_invalid_value_gives_exit_code_2():
    done = process("train", "model.memory_slots=2.5")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: model.memory_slots=2.5: {POSITIVE}\n"


@pytest.mark.parametrize("command", ["evaluate", "search", "study"])
def test_help_names_the_command(command):
    """A process, since the other tests of these commands run in this one."""
    done = process(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"python -m src.{command}" in done.stdout


def test_a_bad_job_of_a_sweep_fails_alone(tmp_path):
    sizes = small("model.sigma_init=0.5,0.01,0.7", f"hydra.sweep.dir={tmp_path}")
    done = process("train", "-m", *sizes)
    assert done.returncode != 0
    assert "model.sigma_init=0.01: must be above sigma_min=0.1" in done.stderr
    assert "Traceback" not in done.stderr
    folders = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    assert [folder.name for folder in folders] == [f"{job}_repeat_copy_dms_ntm_seed0" for job in range(3)]
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
    assert [one["status"] for one in metrics] == ["finished", "failed", "finished"]
    assert metrics[1]["error"] == "model.sigma_init=0.01: must be above sigma_min=0.1"
    assert (metrics[1]["cause"], metrics[1]["recoverable"]) == ("refused", False)


def test_jobs_that_differ_only_in_values_are_composed_once_with_the_same_result(monkeypatch):
    line = ["model=mlp,lstm", "task=mnist1d", "seed=0,1", "+model.foo=3,4", "optimizer.lr=0.5,1e-3"]
    line += ["task.batch_size=4,null", "~callbacks.pictures"]
    count = []
    compose = jobs.compose
    monkeypatch.setattr(jobs, "compose", lambda *given, **more: count.append(given) or compose(*given, **more))
    found = cli.composed("train", line, multirun=True)
    assert (len(found), len(count)) == (32, 1 + 4)
    assert len({job.folder.name for job in found}) == 32
    for job in (found[0], found[13], found[31]):
        (alone,) = cli.composed("train", job.overrides)
        assert OmegaConf.to_container(job.config) == OmegaConf.to_container(alone.config)
    found = cli.composed("train", [*line, "hydra.sweep.subdir=${hydra.job.override_dirname}"], multirun=True)
    assert len({job.folder.name for job in found}) == 32
