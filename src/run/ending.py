"""Ending of a run: status, cause, error message, and whether the run is recoverable."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Status = Literal["finished", "stopped", "diverged", "failed"]
Cause = Literal[
    "steps",  # finished: trainer.max_steps updates
    "solved",  # finished: before that, when the task was solved
    "callback",  # finished: before that, by a callback such as EarlyStopping
    "user",  # stopped: Ctrl-C or SIGTERM
    "preempted",  # stopped: the cluster needs the machine
    "time_limit",  # stopped: trainer.max_time
    "pruned",  # stopped: by the pruner of a search
    "loss",  # diverged: the loss is not finite
    "gradient",  # diverged: the gradient is not finite
    "machine",  # failed: a fault of the machine, such as a full disk
    "error",  # failed: an exception
    "refused",  # failed: a job of a sweep whose configuration is refused
]
#: Statuses of a run that has nothing more to do.
DONE: tuple[Status, ...] = ("finished", "diverged")
#: Status that belongs to each cause.
STATUS: dict[Cause, Status] = {
    **dict.fromkeys(("steps", "solved", "callback"), "finished"),
    **dict.fromkeys(("user", "preempted", "time_limit", "pruned"), "stopped"),
    **dict.fromkeys(("loss", "gradient"), "diverged"),
    **dict.fromkeys(("machine", "error", "refused"), "failed"),
}


class Ending(NamedTuple):
    """How a run ended.

    Attributes:
        status: finished, stopped, diverged or failed.
        cause: of the status; None if metrics.json, of an earlier version, does not have one.
        error: message for the user, or None.
        fault: the OSError that failed the run; None after the ending is read from a file.
    """

    status: Status
    cause: Cause | None
    error: str | None = None
    fault: OSError | None = None

    @classmethod
    def of(cls, cause: Cause, error: str | None = None, fault: OSError | None = None) -> "Ending":
        """The ending with a cause and the status that belongs to it.

        >>> Ending.of("time_limit").status
        'stopped'
        """
        return cls(STATUS[cause], cause, error, fault)

    @classmethod
    def read(cls, metrics: Mapping[str, Any]) -> "Ending | None":
        """The ending in a metrics.json; None if there is no valid status.

        Earlier versions wrote no cause. For a stop without an error it was the user; other causes stay unknown.
        """
        status = next((one for one in STATUS.values() if one == metrics.get("status")), None)
        if status is None:
            return None
        error = None if metrics.get("error") is None else str(metrics["error"])
        cause = next((one for one in STATUS if one == metrics.get("cause") and STATUS[one] == status), None)
        if cause is None and status == "stopped" and error is None:
            cause = "user"
        return cls(status, cause, error)

    @property
    def worth_a_retry(self) -> bool:
        """Whether trying the same settings again may help: it failed, and not since they are refused."""
        return self.status == "failed" and self.cause != "refused"

    @property
    def recoverable(self) -> bool:
        """Whether resuming the run as it is may bring it to its end: it was stopped, or the machine failed it."""
        return self.status == "stopped" or self.cause == "machine"

    def entries(self) -> dict[str, Any]:
        """The ending as entries of metrics.json."""
        return {
            "status": self.status,
            "cause": self.cause,
            "recoverable": self.recoverable,
            "error": self.error,
        }
