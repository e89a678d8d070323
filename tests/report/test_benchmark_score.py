"""The score of the Chomsky benchmark in a report: accuracy on the set of unseen lengths, beside its chance."""

from src.report import gather
from src.report.kinds import kind_of
from src.report.protocols import place
from src.report.rows import of_run
from src.report.summary import main_table
from src.report.tables import TableOptions

NAMES = ("in_distribution", "lengths_41_to_500", "length100", "length250", "length500")


def metrics(accuracy):
    """Metrics of a test set in symbols."""
    others = {"bits": 9.0, "error_symbols": 7.0, "symbol_error": 1 - accuracy, "exact": 0.25, "loss": 0.5}
    return {"accuracy": accuracy, **others}


def test_the_accuracy_on_unseen_lengths_is_a_headline(fake):
    tested = {name: metrics(1.0 - 0.1 * i) for i, name in enumerate(NAMES)}
    chance = {name: {"chance": {"accuracy": 0.5}} for name in NAMES}
    fake("a", "model=ntm", "task=odds_first", test=tested, validation=metrics(1.0), baselines=chance)
    folders = gather.find([str(fake.top)])
    entries, problems = gather.split(map(gather.read, folders, gather.names(folders)))
    assert not problems
    kind = kind_of(entries, "")
    assert kind.headlines == [
        ("in_distribution", "accuracy"),
        ("lengths_41_to_500", "accuracy"),
        ("length100", "accuracy"),
        ("length250", "accuracy"),
    ]
    (one,) = place(entries, False)[0]
    row = {key: "" if value is None else str(value) for key, value in of_run(one).items()}
    table = main_table([row], kind, TableOptions())
    column = table.header.index("accuracy lengths 41 to 500: IQM [95 %]")
    assert [(line[0], line[column]) for line in table.rows] == [("ntm", "0.900"), ("guessing", "0.500")]
