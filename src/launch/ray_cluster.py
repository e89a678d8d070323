"""Ray cluster of a sweep: settings, connection or start, and whether a job fits on a machine."""

import logging
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..common import checks
from ..common.paths import CHECKOUT, PACKAGE, extra
from ..run import provenance
from ..settings import errors
from ..settings.errors import ConfigError
from .ray_worker import Worker

WHERE = "hydra.launcher.ray."
#: Address that makes Ray start a cluster on this machine.
LOCAL = "local"
#: Folders of the project that are not sent to the cluster.
LEFT_OUT = ("/outputs/", "/.git/", "/.venv/", "/tests/", "/notebooks/", "__pycache__/")
#: Two calls at a time, so that a worker that runs a job can be asked to stop.
CONCURRENCY = {"max_concurrency": 2}


class Settings(NamedTuple):
    """conf/hydra/launcher/ray.yaml."""

    init: dict[str, Any]  # of ray.init
    remote: dict[str, Any]  # resources of a job
    retries: int


def read(launcher: Mapping[str, Any]) -> Settings:
    """The settings of the launcher.

    Raises:
        ConfigError: an invalid setting, or Ray is not installed.
    """
    init, remote = dict(launcher["ray"]["init"]), dict(launcher["ray"]["remote"])
    address = init.get("address")
    if address is not None and not (isinstance(address, str) and address):
        raise ConfigError(f"{WHERE}init.address={address!r}: must be null, auto or the address of a cluster")
    init["address"] = address or LOCAL  # with None, Ray joins the cluster of RAY_ADDRESS or of this machine
    retries = errors.check(f"{WHERE}remote.", checks.integer, "max_retries", remote.pop("max_retries", 0), least=0)
    for key in ("num_cpus", "num_gpus"):
        errors.check(f"{WHERE}remote.", checks.number, key, remote.get(key, 0), least=0)
    try:
        import ray
    except ImportError:
        raise ConfigError(f"hydra/launcher=ray: needs ray, which `{extra('ray')}` installs") from None
    actor: Any = ray.remote
    for key, value in remote.items():
        try:
            actor(**CONCURRENCY, **{key: value})(Worker)
        except (TypeError, ValueError) as error:
            why = " ".join(str(error).partition(". ")[0].split())
            raise ConfigError(f"{WHERE}remote.{key}={value!r}: {why}; must be what Ray gives an actor") from error
    return Settings(init, remote, retries)


def join(ray: Any, settings: Settings) -> None:
    """Join a running cluster, or start one on this machine.

    Raises:
        ConfigError: there is no cluster, or it cannot be started.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # a busy machine starts slowly
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    variables = {"OMP_NUM_THREADS": "1", provenance.REVISION: str(provenance.git_revision() or "")}
    code: dict[str, Any] = {"env_vars": variables}
    if CHECKOUT:
        code |= {"working_dir": str(CHECKOUT), "excludes": list(LEFT_OUT)}
    else:
        code |= {"py_modules": [sys.modules[PACKAGE]]}
    local = {"include_dashboard": False} if settings.init["address"] == LOCAL else {}
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the cluster must outlive the terminal
    try:
        ray.init(**{"runtime_env": code, **local, **quiet, **settings.init})
    except (ConnectionError, RuntimeError, TypeError, ValueError, OSError) as error:
        raise ConfigError(
            f"{WHERE}init={settings.init}: {str(error).strip().splitlines()[0]}; must be what ray.init takes, "
            "with the address of a running cluster, or null to start one here"
        ) from error
    finally:
        signal.signal(signal.SIGHUP, hangup)


def check_size(ray: Any, settings: Settings) -> None:
    """Refuse resources that no machine of the cluster has, since Ray would wait for one without end.

    A cluster that was not started here may grow, so that only a line is printed.

    Raises:
        ConfigError: no machine has them, in a cluster that was started here.
    """
    named = {
        "CPU": settings.remote.get("num_cpus"),
        "GPU": settings.remote.get("num_gpus"),
        "memory": settings.remote.get("memory"),
    }
    named |= settings.remote.get("resources") or {}
    wanted = {name: amount for name, amount in named.items() if amount}
    machines = [one["Resources"] for one in ray.nodes() if one["Alive"]]
    if any(all(one.get(name, 0) >= amount for name, amount in wanted.items()) for one in machines):
        return
    most = {name: max((one.get(name, 0) for one in machines), default=0) for name in wanted}
    text = f"{WHERE}remote={settings.remote}: no machine has that; must be within {most}"
    if settings.init["address"] == LOCAL:
        raise ConfigError(text)
    print(f"{text}; jobs wait till one joins the cluster", flush=True)
