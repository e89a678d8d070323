"""The studies of a search, one for each model, in a journal that several processes and machines share."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..run import lock as locks
from ..settings.errors import ConfigError
from . import plan as plans
from . import space
from .plan import SearchPlan

if TYPE_CHECKING:
    from filelock import FileLock
    from optuna import Study, Trial
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

#: Attribute of a trial: the number of the failed trial that it retries.
RETRIES = "retries"
#: Attribute of a trial: how often it was taken since its last validation, and the number of validations then.
TAKES = "takes"
#: How often a trial may be taken without a new validation; then it counts as failed, as one that kills processes.
MOST_TAKES = 3
#: Attribute of a trial: why it failed.
ERROR = "error"


class TakenTrial(NamedTuple):
    """A trial to run, which belongs to this process until it releases the lock."""

    model: str
    trial: "Trial"
    values: dict[str, Any]
    lock: "FileLock"


def locked(folder: Path) -> AbstractContextManager[None]:
    """The lock of the whole search, held briefly: to take a trial, or to read the states of all trials."""
    return locks.waited_for(folder)


def opened(plan: SearchPlan) -> dict[str, "Study"]:
    """The study of each model, created where there is none; the caller holds the lock of the search.

    Raises:
        ConfigError: a damaged journal.
    """
    import optuna

    from .journal import Journal

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
    except Exception as error:  # Optuna raises many types of errors for damaged lines
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"name={plan.folder.name!r}: {path} is damaged ({reason}); must be repaired, or its folder moved away"
        ) from error


def pruner(plan: SearchPlan, name: str) -> "BasePruner":
    """The pruner for the trials of a model."""
    from optuna.pruners import NopPruner

    from .pruner import MedianOfSeeds

    if plan.prune == "none":
        return NopPruner()
    return MedianOfSeeds(plan.prune_trials, plan.prune_validations, plans.validations(plan.models[name].config))


def sampler(plan: SearchPlan, number: int) -> "BaseSampler":
    """The sampler of a trial's values: a function of the seed, the number of the trial and the earlier trials."""
    from optuna.samplers import RandomSampler, TPESampler

    seed = int(np.random.SeedSequence([plan.sampler_seed, number]).generate_state(1)[0])
    return TPESampler(seed=seed) if plan.sampler == "tpe" else RandomSampler(seed=seed)


def take(plan: SearchPlan, studies: dict[str, "Study"], trials: int) -> TakenTrial | None:
    """The next trial to run: one whose process died, else a new one of the model with the fewest trials.

    Args:
        plan: of the search.
        studies: by model.
        trials: number of trials of each model, in all.

    Returns:
        None where every model has that many trials, each of them ended or taken by another process.
    """
    import optuna

    with locked(plan.folder):
        for name, study in studies.items():
            for begun in running(study):
                lock = acquired(plans.folder(plan, name, begun.number))
                if lock is None:
                    continue
                if any(one.number == begun.number for one in running(study)):
                    study.sampler = sampler(plan, begun.number)
                    trial = optuna.trial.Trial(study, begun._trial_id)
                    if times_taken(trial, len(begun.intermediate_values)) <= MOST_TAKES:
                        return TakenTrial(name, trial, space.suggested(trial, plan.models[name].space), lock)
                    trial.set_user_attr(ERROR, f"its process died {MOST_TAKES} times without a validation between")
                    finish(study, begun.number, "failed", None)
                lock.release()  # the trial has just ended in its own process, or was counted as failed
        counts = {name: len(counting(study)) for name, study in studies.items()}
        name = min(counts, key=lambda one: counts[one])
        if counts[name] >= trials:
            return None
        study = studies[name]
        study.sampler = sampler(plan, len(study.get_trials(deepcopy=False)))
        trial = study.ask()  # an enqueued retry of a failed trial, if there is one
        lock = acquired(plans.folder(plan, name, trial.number))
        assert lock is not None
        times_taken(trial, 0)
        return TakenTrial(name, trial, space.suggested(trial, plan.models[name].space), lock)


def times_taken(trial: "Trial", reported: int) -> int:
    """Count that a trial is taken.

    Args:
        trial: of Optuna.
        reported: the number of validations reported so far.

    Returns:
        how often the trial was taken since the last reported validation.
    """
    times, before = trial.user_attrs.get(TAKES, (0, 0))
    times = 1 if reported > before else times + 1
    trial.set_user_attr(TAKES, [times, reported])
    return int(times)


def uncount(taken: TakenTrial) -> None:
    """Undo the count of a take: the trial was stopped, and did not kill its process."""
    times, reported = taken.trial.user_attrs[TAKES]
    with suppress(OSError):  # a full disk may be why it was stopped
        taken.trial.set_user_attr(TAKES, [times - 1, reported])


def finish(study: "Study", number: int, state: str, value: float | None) -> None:
    """Record the end of a trial: complete with a value, pruned or failed."""
    from optuna.trial import TrialState

    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
    study.tell(number, value, state=states[state])


def running(study: "Study") -> list[Any]:
    """The trials that have begun and not ended."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))


def counting(study: "Study") -> list[Any]:
    """The trials that count: all but waiting ones, and failed ones that another trial retries."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    retried = {one.user_attrs.get(RETRIES) for one in trials}
    return [one for one in trials if one.state != TrialState.WAITING and one.number not in retried]


def failed(study: "Study") -> list[Any]:
    """The failed trials that no other trial retries."""
    return [one for one in counting(study) if one.state.name == "FAIL"]


def done(study: "Study", retry_failed: bool = False) -> int:
    """The number of ended trials; without failed ones if they will be retried."""
    ended = sum(one.state.is_finished() for one in counting(study))
    return ended - retry_failed * len(failed(study))


def retry(studies: dict[str, "Study"]) -> None:
    """Enqueue the settings of failed trials again, as trials that count in their place."""
    for study in studies.values():
        for one in failed(study):
            study.enqueue_trial(one.params, user_attrs={RETRIES: one.number})


def acquired(folder: Path) -> "FileLock | None":
    """The lock of a trial, acquired; None where another process has it. The lock ends with its process."""
    folder.mkdir(parents=True, exist_ok=True)
    return locks.acquired(folder, timeout=0)
