"""The studies of a search, one a model, in a journal that several processes and machines share."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from src.run.lock import LOCK
from src.search import plan as plans
from src.search import space
from src.search.plan import Plan
from src.settings.errors import ConfigError

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

#: The attribute of a trial that tells which failed one it stands in for.
RETRIES = "retries"
#: The attribute that has how often a trial was taken since its last validation, and how many it had had then.
TAKES = "takes"
#: How often that may be, before it is given up as one that brings its process down.
MOST = 3
#: The attribute that tells why a trial failed.
ERROR = "error"


class Taken(NamedTuple):
    """A trial to run, which this process alone has until it lets go of the lock."""

    model: str
    trial: "Trial"
    values: dict[str, Any]
    lock: FileLock


def locked(folder: Path) -> FileLock:
    """The search to oneself, for a moment: to take a trial, or to write down how all stand."""
    return FileLock(folder / LOCK)


def opened(plan: Plan) -> dict[str, "Study"]:
    """The study of each model, made where there is none yet; to be called with the search locked.

    Raises:
        ConfigError: a damaged journal.
    """
    import optuna

    from src.search.journal import Journal

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = plan.folder / "journal.log"
    try:
        storage = optuna.storages.JournalStorage(Journal(path))
        return {
            name: optuna.create_study(
                storage=storage,
                study_name=name,
                direction="minimize",
                pruner=pruner(plan, name),
                load_if_exists=True,
            )
            for name in plan.models
        }
    except OSError:
        raise
    except Exception as error:  # whatever it is, that is what Optuna made of the lines
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"name={plan.folder.name!r}: {path} is damaged ({reason}); must be mended, or its folder moved away"
        ) from error


def pruner(plan: Plan, name: str) -> "BasePruner":
    """What says that a trial of a model is hopeless."""
    from optuna.pruners import NopPruner

    from src.search.pruner import MedianOfSeeds

    if plan.prune == "none":
        return NopPruner()
    return MedianOfSeeds(plan.prune_trials, plan.prune_validations, plans.validations(plan.models[name].config))


def sampler(plan: Plan, number: int) -> "BaseSampler":
    """What chooses the values of a trial: a function of the seed, the number and the trials before."""
    from optuna.samplers import RandomSampler, TPESampler

    seed = int(np.random.SeedSequence([plan.sampler_seed, number]).generate_state(1)[0])
    return TPESampler(seed=seed) if plan.sampler == "tpe" else RandomSampler(seed=seed)


def take(plan: Plan, studies: dict[str, "Study"], trials: int) -> Taken | None:
    """The next trial to run: one whose process died, else a new one of the model with the fewest.

    Args:
        plan: of the search.
        studies: by model.
        trials: of each model, in all.

    Returns:
        None where every model has its trials, and each of them is done or with another process.
    """
    import optuna

    with locked(plan.folder):
        for name, study in studies.items():
            for begun in running(study):
                lock = held(plans.folder(plan, name, begun.number))
                if lock is None:
                    continue
                if any(one.number == begun.number for one in running(study)):
                    study.sampler = sampler(plan, begun.number)
                    trial = optuna.trial.Trial(study, begun._trial_id)
                    if times_taken(trial, len(begun.intermediate_values)) <= MOST:
                        return Taken(name, trial, space.suggested(trial, plan.models[name].space), lock)
                    trial.set_user_attr(ERROR, f"its process died {MOST} times without a validation between")
                    tell(study, begun.number, "failed", None)
                lock.release()  # its process was done with it just now, or it was given up
        counts = {name: len(counting(study)) for name, study in studies.items()}
        name = min(counts, key=lambda one: counts[one])
        if counts[name] >= trials:
            return None
        study = studies[name]
        study.sampler = sampler(plan, len(study.get_trials(deepcopy=False)))
        trial = study.ask()  # one that failed and is to be tried again, if there is one
        lock = held(plans.folder(plan, name, trial.number))
        assert lock is not None
        times_taken(trial, 0)
        return Taken(name, trial, space.suggested(trial, plan.models[name].space), lock)


def times_taken(trial: "Trial", told: int) -> int:
    """Count that a trial is taken: how often it was since its last validation; `told` are those it has had."""
    times, before = trial.user_attrs.get(TAKES, (0, 0))
    times = 1 if told > before else times + 1
    trial.set_user_attr(TAKES, [times, told])
    return int(times)


def give_back(taken: Taken) -> None:
    """A trial was stopped and did not bring its process down: this time does not count."""
    times, told = taken.trial.user_attrs[TAKES]
    with suppress(OSError):  # a full disk may be why it was stopped
        taken.trial.set_user_attr(TAKES, [times - 1, told])


def tell(study: "Study", number: int, state: str, value: float | None) -> None:
    """Write down how a trial ended: complete with a value, pruned or failed."""
    from optuna.trial import TrialState

    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    study.tell(number, value, state=states[state])


def running(study: "Study") -> list[Any]:
    """The trials that were begun and have not ended."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def counting(study: "Study") -> list[Any]:
    """The trials that count: neither those that are still to be begun, nor failed ones that are tried again."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    retried = {one.user_attrs.get(RETRIES) for one in trials}
    return [one for one in trials if one.state != TrialState.WAITING and one.number not in retried]


def failed(study: "Study") -> list[Any]:
    """The trials that failed and are not tried again."""
    return [one for one in counting(study) if one.state.name == "FAIL"]


def done(study: "Study", retry_failed: bool = False) -> int:
    """How many trials have ended, in whatever way; without those that failed, if they will be tried again."""
    ended = sum(one.state.is_finished() for one in counting(study))
    return ended - retry_failed * len(failed(study))


def retry(studies: dict[str, "Study"]) -> None:
    """Have the settings of failed trials tried again, by trials that count in their place."""
    for study in studies.values():
        for one in failed(study):
            study.enqueue_trial(one.params, user_attrs={RETRIES: one.number})


def held(folder: Path) -> FileLock | None:
    """The lock of a trial, taken; None where another process has it. Whoever dies lets go of it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock
