"""Grouping of runs into tables and rows."""

from omegaconf import OmegaConf

from src.common.paths import CONF
from src.report import gather
from src.report.protocols import WATCHING, place
from src.tasks.repeat_copy import RepeatCopy


def placed(*tops, **options):
    found = gather.find([*map(str, tops)])
    entries, problems = gather.split(map(gather.read, found, gather.names([*found]), found.values()))
    assert not problems
    return place(entries, options.pop("pool_versions", False), **options)


def where(*tops, **options):
    return {one.entry.name: (one.group, one.variant) for one in placed(*tops, **options)[0]}


def test_models_with_settings_of_their_own_share_a_table(fake):
    fake("a", "model=ntm", "seed=0")
    fake("b", "model=ntm", "seed=1", "logger=none", "trainer.enable_progress_bar=false", "figure.cmap=viridis")
    own = ("task.batch_size=4", "task.count_noise=0.1", "task.end_weight=2", "task.ragged=true")
    fake("c", "model=lstm", "optimizer.lr=0.1", "model.hidden_size=7", *own)
    assert where(fake.top) == {
        "a": ("repeat_copy", "ntm"), "b": ("repeat_copy", "ntm"), "c": ("repeat_copy", "lstm"),
    }  # fmt: skip


def test_settings_that_vary_within_a_model_name_the_rows(fake):
    for n, sigma in enumerate((0.3, 2)):
        for carry in ("weighting", "position"):
            fake(f"{n}{carry}", "model=dms_ntm", f"model.sigma_init={sigma}", f"model.carry={carry}")
    fake("ntm", "model=ntm")
    rows = {name: row for name, (_, row) in where(fake.top).items()}
    assert rows == {
        "0weighting": "dms_ntm carry=weighting sigma_init=0.3",
        "0position": "dms_ntm carry=position sigma_init=0.3",
        "1weighting": "dms_ntm carry=weighting sigma_init=2",
        "1position": "dms_ntm carry=position sigma_init=2",
        "ntm": "ntm",
    }
    its = {one.entry.name: one.settings for one in placed(fake.top)[0]}
    assert its["0position"]["model.sigma_init"] == 0.3
    assert its["0position"]["model.carry"] == "position"
    assert "model.word_size" not in its["0position"]


def test_rows_can_be_told_apart_by_the_folder_that_holds_their_runs(fake):
    """Many settings then make no long names; those that vary within a folder do."""
    fake("all/plain/a", "model=dms_ntm", "seed=0")
    fake("all/plain/b", "model=dms_ntm", "seed=1")
    fake("all/plain/c", "model=ntm")
    for sigma in (1, 2):
        changes = ("model.motion=relative", "model.carry=position", f"model.sigma_init={sigma}")
        fake(f"all/skip/{sigma}", "model=dms_ntm", *changes)
    tops = [fake.top / "all" / name for name in ("plain", "skip")]
    rows = {name: row for name, (_, row) in where(*tops, rows_by="folder").items()}
    expected = {
        "plain/a": "dms_ntm plain",
        "plain/b": "dms_ntm plain",
        "plain/c": "ntm",
        "skip/1": "dms_ntm skip sigma_init=1",
        "skip/2": "dms_ntm skip sigma_init=2",
    }
    assert rows == expected
    its = {one.entry.name: one.settings for one in placed(*tops, rows_by="folder")[0]}
    assert its["skip/1"]["model.motion"] == "relative"
    # Runs of one folder need no name of it.
    one_folder = {name: row for name, (_, row) in where(tops[1], rows_by="folder").items()}
    assert one_folder == {"1": "sigma_init=1", "2": "sigma_init=2"}


def test_the_length_of_training_distinguishes_rows_but_not_tables(fake):
    fake("stopped", "model=ntm", "stop_when_solved=true")
    fake("on", "model=ntm", "stop_when_solved=false")
    fake("lstm", "model=lstm", "trainer.max_steps=7")
    assert where(fake.top) == {
        "stopped": ("repeat_copy", "ntm stop_when_solved=True"),
        "on": ("repeat_copy", "ntm stop_when_solved=False"),
        "lstm": ("repeat_copy", "lstm"),
    }


def test_all_default_callbacks_but_one_only_watch():
    """Else runs of before and after a new one would be in different rows."""
    assert {*WATCHING, "solved"} == set(OmegaConf.load(f"{CONF}/callbacks/default.yaml"))


def test_callbacks_that_end_a_run_sooner_distinguish_rows_and_others_do_not(fake):
    stop = "_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: validation/loss"
    fake("a", "model=ntm")
    fake("b", "model=ntm", "seed=1", "callbacks.pictures.every=3", "~callbacks.dashboard")
    for patience in (2, 5):
        fake(f"early{patience}", "model=ntm", f"+callbacks.early={{{stop}, patience: {patience}}}")
    rows = {name: row for name, (_, row) in where(fake.top).items()}
    assert rows["a"] == rows["b"]
    assert len(set(rows.values())) == 3
    assert rows["early5"].endswith("patience=5")
    fake("threshold", "model=ntm", "callbacks.solved.threshold=0.5")
    fake("to_the_end", "model=ntm", "callbacks.solved.stop=false")
    groups = where(fake.top)
    assert groups["threshold"][0].endswith("solve_threshold=0.5")
    assert groups["to_the_end"][1] == "stop_when_solved=False"


def test_a_schedule_that_follows_the_updates_is_no_setting_of_its_own(fake):
    for steps in (10, 20):
        fake(str(steps), "model=lstm", f"trainer.max_steps={steps}")
    assert [row for _, row in where(fake.top).values()] == ["max_steps=10", "max_steps=20"]


def test_protocols_and_tasks_are_kept_apart(fake):
    fake("a", "model=ntm")
    fake("b", "model=ntm", "task.max_length=5")
    fake("c", "model=ntm", "task=mnist1d")
    fake("d", "model=ntm", "task=mnist1d", "task.sequence_length=20")
    tables = {name: table for name, (table, _) in where(fake.top).items()}
    assert tables == {
        "a": "repeat_copy, max_length=10",
        "b": "repeat_copy, max_length=5",
        "c": "mnist1d, sequence_length=40",
        "d": "mnist1d, sequence_length=20",
    }
    told = placed(fake.top)[2]
    assert list(told) == list(tables.values())
    kind = told["repeat_copy, max_length=5"]
    assert "max_length=5" in kind.protocol
    assert kind.objective == "repeated_bits"
    assert kind.solvable
    assert kind.axes == RepeatCopy.axes
    assert kind.trained == [[1, 5], [1, 10]]
    cells = [("10x20", "payload_error"), ("20x10", "payload_error")]
    assert kind.headlines == [("in_distribution", "error_bits"), *cells]
    assert told["mnist1d, sequence_length=20"].headlines == [("test", "accuracy"), ("generated", "accuracy")]


def test_options_without_effect_tell_no_rows_apart(fake):
    fake("a", "model=ntm", "seed=0", "model.counters=2")  # of a counter_lstm, and the controller is an lstm
    fake("b", "model=ntm", "seed=1", "model.counter_candidate=linear")
    fake("c", "model=ntm", "seed=0", "model.controller=counter_lstm", "model.counters=2")
    assert where(fake.top) == {
        "a": ("repeat_copy", "controller=lstm counters=1"),
        "b": ("repeat_copy", "controller=lstm counters=1"),
        "c": ("repeat_copy", "controller=counter_lstm counters=2"),
    }


def test_a_run_made_before_a_setting_existed_has_its_default(fake):
    fake("before", "model=ntm", "seed=0", "~task.count_noise", "~model.input_skip")
    fake("same", "model=ntm", "seed=1")
    fake("noise", "model=ntm", "seed=1", "task.count_noise=0.1")
    fake("skip", "model=ntm", "seed=1", "model.input_skip=true")
    assert where(fake.top) == {
        "before": ("repeat_copy", "input_skip=False count_noise=0.0"),
        "same": ("repeat_copy", "input_skip=False count_noise=0.0"),
        "noise": ("repeat_copy", "input_skip=False count_noise=0.1"),
        "skip": ("repeat_copy", "input_skip=True count_noise=0.0"),
    }


def test_settings_of_a_class_that_is_gone_and_those_without_default_are_left_as_they_are(fake):
    gone = "model._target_=nowhere.Machine"
    fake("before", "model=ntm", gone, "~model.input_skip")
    fake("after", "model=ntm", gone)
    fake("mlp before", "model=mlp", "task=mnist1d", "~model.hidden_sizes")
    fake("mlp", "model=mlp", "task=mnist1d", "model.hidden_sizes=[9]")
    rows = {name: row for name, (_, row) in where(fake.top).items()}
    expected = {"before": "ntm", "after": "input_skip=False", "mlp before": "mlp", "mlp": "hidden_sizes=[9]"}
    assert rows == expected


def test_versions_are_kept_apart_unless_pooled(fake):
    fake("a", "model=ntm", "seed=0")
    fake("b", "model=ntm", "seed=1", revision="b" * 40)
    fake("c", "model=ntm", "seed=2", versions={"python": "3.11.7", "torch": "2.14.0"})
    fake("d", "model=ntm", "seed=3", revision="b" * 40 + "+changes")
    tables = {name: table for name, (table, _) in where(fake.top).items()}
    assert tables == {
        "a": "repeat_copy, revision aaaaaaaaaa, torch 2.13.0",
        "b": "repeat_copy, revision bbbbbbbbbb, torch 2.13.0",
        "c": "repeat_copy, revision aaaaaaaaaa, torch 2.14.0",
        "d": "repeat_copy, revision bbbbbbbbbb with changes, torch 2.13.0",
    }
    assert {table for table, _ in where(fake.top, pool_versions=True).values()} == {"repeat_copy"}


def test_a_duplicate_seed_counts_once_and_is_a_problem(fake):
    fake("first", "model=ntm", "seed=4")
    fake("second", "model=ntm", "seed=4", errors=(0.3, 0.3, 0.3))
    fake("other", "model=lstm", "seed=4")
    its, problems, _ = placed(fake.top)
    assert [one.entry.name for one in its] == ["first", "other"]
    assert [(p.run, p.what, p.counted) for p in problems] == [
        ("second", "same settings and seed 4 as first: counted once", False)
    ]


def test_rows_are_named_by_what_is_set_and_classes_by_their_names(fake):
    fake("a", "model=lstm", "optimizer=adamw")
    fake("b", "model=lstm", "optimizer=rmsprop", "optimizer.lr=3e-3")
    rows = [row for _, row in where(fake.top).values()]
    assert rows[0].startswith("optimizer=AdamW ")
    assert rows[1].startswith("optimizer=RMSprop ")
    assert not any("None" in row or "_target_" in row for row in rows)


def test_files_of_equal_ending_are_different_settings(fake):
    for name in ("a", "b"):
        fake(name, "model=lstm", f"init_from={fake.top}/v1.2/{name}/best.ckpt")
    rows = [row for _, row in where(fake.top).values()]
    assert [row.rpartition("/")[0].rpartition("/")[2] for row in rows] == ["a", "b"]
