"""Plans of studies, and refusals of invalid ones."""

import copy
from pathlib import Path

import pytest

from src.common.paths import CONF
from src.settings import build, cli, keys
from src.settings.errors import ConfigError
from src.study.fields import values
from src.study.plan import read
from tests.study.conftest import STUDY

STUDIES = sorted(path.stem for path in (Path(CONF) / "study").glob("*.yaml"))
#: The changed key, its value, and the text of the refusal.
REFUSED = [
    ("about", None, "study.about: is missing; there must be name, about, sweeps"),
    ("nmae", 3, "study.nmae: unknown key; must be one of name, about, sweeps, tuning, evaluate, reports"),
    ("name", "a/b", "study.name='a/b': must be a name of letters, digits, _ and -"),
    ("sweeps", {}, "sweeps: must be a section with at least one name"),
    ("sweeps", ["seed=0"], "sweeps: must be a section with at least one name"),
    ("sweeps.a b", ["seed=0"], "sweeps='a b': must be a name of letters, digits, _ and -"),
    ("sweeps.tuning", ["seed=0"], "sweeps.tuning: is the folder of the tuning; must have another name"),
    ("sweeps.runs", [], "sweeps.runs: must hold at least one override of src.train"),
    ("sweeps.runs", ["seed=0", 1], "sweeps.runs: must be a list of texts, those with commas in quotes"),
    ("sweeps.runs", ["seed=["], "sweeps.runs: 'seed=[': must be key=value, or "),
    ("sweeps.runs", ["experiment=nope"], "sweeps.runs: experiment='nope': unknown experiment; must be a "
     "file in conf/experiment or one of tiny/mlp"),
    ("sweeps.runs", ["experiment=tiny/mlp,tiny/gru"], "sweeps.runs: experiment='tiny/gru': unknown exp"),
    ("sweeps.runs", ["hydra/launcher=basic"], "sweeps.runs: hydra/launcher=basic: is given by src.study"),
    ("sweeps.runs", ["optimizer.lr=interval(1e-4,1e-1)"], "sweeps.runs: optimizer.lr=interval(1e-4,1e-1): "
     "must be values"),
    ("sweeps.runs", ["resume=x"], "sweeps.runs: resume=x: is given by src.study; must be left out"),
    ("tuning.sets", [], "tuning.sets: must name at least one set, such as validation"),
    ("tuning.metric", "loss", "tuning.metric='loss': must be one of accuracy, bits, error_bits"),
    ("tuning.write", "../x", "tuning.write='../x': must be a name"),
    ("tuning.foo", 1, "tuning.foo: unknown key; must be one of metric, sweeps, write, common"),
    ("tuning.sweeps.gru", ["model=gru", "optimizer.lr=1,2,3"], "tuning.sweeps: jobs of mlp 4, gru 6; "
     "must be the same number for each, an equal budget"),
    ("tuning.sweeps.gru", ["~callbacks.pictures"], "tuning.sweeps.gru: ~callbacks.pictures: is nothing to"),
    ("tuning.sweeps.mlp", ["model=mlp", "trainer.max_steps=9"], "tuning.sweeps.mlp: "
     "trainer.max_steps=9: must be in tuning.common, an equal budget"),
    ("sweeps.runs", ["experiment=tiny/mlp", "seed=0,201"], "tuning: has seed 201 of the "
     "sweeps; must have seeds of its own"),
    ("sweeps.runs", ["experiment=tiny/mlp", "seed=a,201"], "tuning: has seed 201 of the sweeps"),
    ("evaluate.nope", [], "evaluate: unknown sweep 'nope'; must be of runs"),
    ("evaluate.runs", "grid=3", "evaluate.runs: must be a list of texts"),
    ("evaluate.runs", ["grid=["], "evaluate.runs: 'grid=[': must be key=value, or "),
    ("reports.table.sweeps", ["nope"], "reports.table.sweeps: unknown sweep 'nope'; must be of runs"),
    ("reports.table.foo", 1, "reports.table.foo: unknown key; must be one of sweeps, settings, title"),
    ("reports.table", [], "reports.table: must be a section of the keys sweeps, settings, title"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "text"), REFUSED, ids=[f"{key}-{n}" for n, (key, *_) in enumerate(REFUSED)]
)
def test_an_invalid_study_is_refused(settings, key, value, text):
    content = copy.deepcopy(STUDY)
    *sections, last = key.split(".")
    node = content
    for section in sections:
        node = node[section]
    node[last] = value
    if value is None:
        del node[last]
    with pytest.raises(ConfigError) as refusal:
        read(settings(content))
    assert str(refusal.value).removeprefix("study=tiny: ").startswith(text)
    assert "\n" not in str(refusal.value)


def test_a_study_must_be_named(settings):
    with pytest.raises(ConfigError, match=f"study=None: must be one of {', '.join(STUDIES)}"):
        read(settings(None))


def test_a_plan_has_folders_overrides_and_reports(settings, tmp_path):
    plan = read(settings())
    assert plan.folder == tmp_path / "studies" / "tiny"
    tuning = plan.tuning.sweeps["mlp"]
    assert tuning.folder == plan.folder / "tuning" / "mlp"
    assert tuning.overrides[:3] == ["model=mlp", "model.hidden_sizes=[8],[9]", "task=mnist1d"]
    # Experiments of the test are in another folder than conf/.
    assert tuning.overrides.count(f"hydra.searchpath=['file://{tmp_path}/conf']") == 1
    assert plan.tuning.chosen == {"mlp": ["model", "model.hidden_sizes"]}
    assert plan.sweeps["runs"].folder == plan.folder / "runs"
    assert plan.reports["table"] == ("a tiny network, it's small", ["runs"], ["pictures=false"])


def test_shared_keys_with_several_values_are_chosen_too(settings):
    content = copy.deepcopy(STUDY)
    content["tuning"]["common"] += ["optimizer.lr=1e-3,1e-2", "schedule=constant"]
    assert read(settings(content)).tuning.chosen == {"mlp": ["model", "model.hidden_sizes", "optimizer.lr"]}


@pytest.mark.parametrize("name", STUDIES)
def test_each_study_of_conf_is_valid_and_a_make_target(name):
    (job,) = cli.composed("study", [f"study={name}"])
    plan = read(keys.resolve(job.config))
    assert plan.name == name
    assert plan.reports
    makefile = (Path(CONF).parent / "Makefile").read_text()
    assert f"{name}: parallel  ## " in makefile
    (targets,) = [line for line in makefile.splitlines() if line.startswith("STUDIES := ")]
    assert sorted(targets.split()[2:]) == STUDIES
    assert f"| `make {name}` | " in (Path(CONF).parent / "docs/search_and_studies.md").read_text()


def test_sweeps_with_chosen_settings_name_their_task():
    """The experiments that a tuning writes hold what was chosen, which the task is not."""
    for name in STUDIES:
        plan = read(keys.resolve(cli.composed("study", [f"study={name}"])[0].config))
        for sweep in plan.sweeps.values() if plan.tuning else ():
            assert any(one.startswith("task=") for one in sweep.overrides), (name, sweep.name)


def each_value_once(overrides):
    """Jobs of a sweep in which each value of each override occurs: all first values, all second ones, and on."""
    choices = [(one.key_or_group, values(one)) for one in cli.parsed(overrides) if one.key_or_group != "seed"]
    for i in range(max(len(known) for _, known in choices)):
        yield [f"{key}={known[i % len(known)]}" for key, known in choices]


def test_the_sweeps_of_the_studies_compose(unchecked_types):
    """Of each sweep whose settings are not chosen by a tuning, every value."""
    for name in STUDIES:
        plan = read(keys.resolve(cli.composed("study", [f"study={name}"])[0].config))
        for sweep in plan.sweeps.values():
            if not any(one.startswith("experiment=") for one in sweep.overrides):
                for lines in each_value_once(sweep.overrides):
                    (job,) = cli.composed("train", lines)
                    plain = keys.resolve(job.config)
                    keys.check_run(plain)
                    build.build_network(plain, build.build_task(plain))


def test_the_choice_holds_the_settings_of_the_model_that_all_candidates_share(settings):
    """A sweep that names the chosen experiment would else train with others than those that were tuned."""
    content = copy.deepcopy(STUDY)
    content["tuning"]["common"] += ["task.recipe.clip_norm=0.1", "schedule.final=0.0", "optimizer.lr=1e-3,1e-2"]
    chosen = read(settings(content)).tuning.chosen["mlp"]
    model = ["model", "model.hidden_sizes"]
    assert chosen == [*model, "task.recipe.clip_norm", "schedule.final", "optimizer.lr"]
