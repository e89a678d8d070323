"""How a run ended, as a typed record: status, cause, whether it is recoverable, and the error in words."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Status = Literal["finished", "stopped", "diverged", "failed"]
Cause = Literal[
    "steps",  # finished: all its updates
    "solved",  # finished: before that, as its task was solved
    "callback",  # finished: before that, by a callback such as EarlyStopping
    "user",  # stopped: Ctrl-C or SIGTERM
    "preempted",  # stopped: the cluster takes the machine back
    "time_limit",  # stopped: trainer.max_time
    "pruned",  # stopped: given up by a search
    "loss",  # diverged: the loss is not finite
    "gradient",  # diverged: the gradient is not finite
    "machine",  # failed: a fault of the machine, such as a full disk
    "error",  # failed: an exception
    "refused",  # failed: a job of a sweep whose configuration is refused
]
#: The status of a run by the cause of its end.
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
        cause: of that; None where metrics.json of an earlier version does not tell.
        error: in words, for people; None where nothing is to be said.
        fault: the exception of the machine that failed the run, known in its own process alone.
    """

    status: Status
    cause: Cause | None
    error: str | None = None
    fault: OSError | None = None

    @classmethod
    def of(cls, cause: Cause, error: str | None = None, fault: OSError | None = None) -> "Ending":
        """The end that a cause brings.

        >>> Ending.of("time_limit").status
        'stopped'
        """
        return cls(STATUS[cause], cause, error, fault)

    @classmethod
    def read(cls, metrics: Mapping[str, Any]) -> "Ending | None":
        """The end that metrics.json tells of; None where it tells of none.

        Earlier versions wrote no cause. That of a stop without an error was the user; others stay unknown.
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
    def recoverable(self) -> bool:
        """Whether resuming the run as it is may bring it to its end: it was stopped, or the machine failed it."""
        return self.status == "stopped" or self.cause == "machine"

    def entries(self) -> dict[str, Any]:
        """Its part of metrics.json."""
        return {
            "status": self.status,
            "cause": self.cause,
            "recoverable": self.recoverable,
            "error": self.error,
        }
