"""The Ray cluster that a sweep runs on: its settings, joined or started, and whether a job fits into it."""

import logging
import os
import signal
from collections.abc import Mapping
from typing import Any, NamedTuple

from src.common import checks
from src.common.paths import ROOT
from src.launch.ray_worker import Worker
from src.run import provenance
from src.settings import errors
from src.settings.errors import ConfigError

WHERE = "hydra.launcher.ray."
#: The address of a cluster that is started here.
OWN = "local"
#: What of the project a job needs; all else stays at home.
LEFT_OUT = ("/outputs/", "/.git/", "/.venv/", "/tests/", "/notebooks/", "__pycache__/")
#: A worker runs its job and can be told to stop.
CONCURRENCY = {"max_concurrency": 2}


class Settings(NamedTuple):
    """conf/hydra/launcher/ray.yaml."""

    init: dict[str, Any]  # of ray.init
    remote: dict[str, Any]  # what a job is given
    retries: int


def read(launcher: Mapping[str, Any]) -> Settings:
    """The settings of the launcher.

    Raises:
        ConfigError: one that cannot be used, or no Ray.
    """
    init, remote = dict(launcher["ray"]["init"]), dict(launcher["ray"]["remote"])
    address = init.get("address")
    if address is not None and not (isinstance(address, str) and address):
        raise ConfigError(f"{WHERE}init.address={address!r}: must be null, auto or the address of a cluster")
    init["address"] = address or OWN  # Ray takes none for the cluster that RAY_ADDRESS or this machine has
    retries = errors.check(f"{WHERE}remote.", checks.integer, "max_retries", remote.pop("max_retries", 0), least=0)
    for key in ("num_cpus", "num_gpus"):
        errors.check(f"{WHERE}remote.", checks.number, key, remote.get(key, 0), least=0)
    try:
        import ray
    except ImportError:
        raise ConfigError("hydra/launcher=ray: needs ray, which `make ray` installs") from None
    kind: Any = ray.remote
    for key, value in remote.items():
        try:
            kind(**CONCURRENCY, **{key: value})(Worker)
        except (TypeError, ValueError) as error:
            told = " ".join(str(error).partition(". ")[0].split())
            raise ConfigError(f"{WHERE}remote.{key}={value!r}: {told}; must be what Ray gives an actor") from error
    return Settings(init, remote, retries)


def join(ray: Any, its: Settings) -> None:
    """Join the cluster, or start one.

    Raises:
        ConfigError: there is none, or it cannot be started.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # a busy machine takes its time
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    variables = {"OMP_NUM_THREADS": "1", provenance.REVISION: str(provenance.git_revision() or "")}
    code = {"working_dir": str(ROOT), "excludes": list(LEFT_OUT), "env_vars": variables}
    own = {"include_dashboard": False} if its.init["address"] == OWN else {}
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is started here outlives the terminal
    try:
        ray.init(**{"runtime_env": code, **own, **quiet, **its.init})
    except (ConnectionError, RuntimeError, TypeError, ValueError, OSError) as error:
        raise ConfigError(
            f"{WHERE}init={its.init}: {str(error).strip().splitlines()[0]}; must be what ray.init takes, "
            "with the address of a running cluster, or null to start one here"
        ) from error
    finally:
        signal.signal(signal.SIGHUP, hangup)


def check_size(ray: Any, its: Settings) -> None:
    """Refuse what no machine has, for Ray would wait for one; a cluster that others keep may get one yet.

    Raises:
        ConfigError: there is none in a cluster of our own.
    """
    named = {
        "CPU": its.remote.get("num_cpus"),
        "GPU": its.remote.get("num_gpus"),
        "memory": its.remote.get("memory"),
    }
    wanted = {name: amount for name, amount in (named | (its.remote.get("resources") or {})).items() if amount}
    machines = [one["Resources"] for one in ray.nodes() if one["Alive"]]
    if any(all(one.get(name, 0) >= amount for name, amount in wanted.items()) for one in machines):
        return
    most = {name: max((one.get(name, 0) for one in machines), default=0) for name in wanted}
    told = f"{WHERE}remote={its.remote}: no machine has that; must be within {most}"
    if its.init["address"] == OWN:
        raise ConfigError(told)
    print(f"{told}; jobs wait till one joins the cluster", flush=True)
