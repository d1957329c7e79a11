"""Connecting to a Ray cluster, or starting one on this machine."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vssn.errors import BadInputError, argument

OBJECT_STORE_BYTES = 256 << 20  # weights, and little else
MAX_FOLDER = 40  # characters; Ray's sockets below it may have 107 in all
CONNECT_S = 10.0
HOST_PORT = re.compile(r"(?:ray://)?(?P<host>[^/:]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})")
REMEDY = (
    "check that the cluster runs, that its Ray and Python versions are those of this machine, "
    "and that RAY_AUTH_MODE=token stands here too where it asks for a token"
)


def import_ray() -> Any:
    """The module, told to report nothing.

    Raises:
        BadInputError: it is not installed.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else a warning is printed
    os.environ.setdefault("RAY_worker_niceness", "0")  # of a cluster that is started here; else 15
    try:
        import ray
    except ImportError as error:
        raise BadInputError(
            argument("engine", "ray"), "Ray, which it runs on", "pip install vssn[ray]"
        ) from error
    return ray


def _folder() -> Path:
    """A private folder whose name is short enough for sockets."""
    short = len(tempfile.gettempdir()) <= MAX_FOLDER
    return Path(tempfile.mkdtemp(prefix="vssn-", dir=None if short else "/tmp"))


def _check_answers(address: str, given: str) -> None:
    """Find out whether anybody listens; Ray itself would try for minutes.

    Raises:
        BadInputError: nobody does, or it is no address.
    """
    if address in ("auto", "local") or ("://" in address and not address.startswith("ray://")):
        return  # of others than these, only Ray knows where they are
    found = HOST_PORT.fullmatch(address)
    if found is None:
        raise BadInputError(given, "HOST:PORT, such as 10.0.0.1:6379, or auto", "correct it")
    host, port = found["host"].strip("[]"), int(found["port"])
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInputError(f"{given} ({reason})", "a Ray cluster that answers", REMEDY) from error


@contextmanager
def connected(address: str | None = None) -> Iterator[Any]:
    """Yield Ray, connected.

    A connection that the program already has is used and kept.

    Args:
        address: of a cluster, such as ``10.0.0.1:6379`` or ``auto``; None for ``$RAY_ADDRESS`` or
            else a cluster on this machine, which ends with the job.

    Raises:
        BadInputError: Ray is not installed, or nobody answers.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    variable = os.environ.get("RAY_ADDRESS")
    given = argument("address", address) if address else f"$RAY_ADDRESS {variable}"
    address = address or variable
    if address:
        _check_answers(address, given)
    folder = None if address else _folder()
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        try:
            if folder is None:
                ray.init(address=address, **quiet)
            else:
                ray.init(
                    address="local",
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE_BYTES,
                    _temp_dir=str(folder),
                    **quiet,
                )
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            given = given if address else argument("engine", "ray")
            raise BadInputError(
                f"{given} ({text})", "a Ray cluster that answers", REMEDY
            ) from error
        yield ray
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
