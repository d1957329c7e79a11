"""The flags of ``--engine ray``, and what its commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vssn.cli.printing import write_summary
from vssn.cli.values import chunk_s
from vssn.errors import BadInputError
from vssn.media.containers import printable_url

if TYPE_CHECKING:
    from vssn.fleet.job import FleetRun

ENGINES = ("process", "ray")
EXIT_SOME_FAILED = 3


def place_or_none(text: str) -> Path | str | None:
    """Parse a directory, a URL, or ``none`` for saving nothing."""
    return None if text.lower() == "none" else place(text)


def place(text: str) -> Path | str:
    """Parse a path or a URL."""
    return text if "://" in text else Path(text)


def add_engine_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """What computes: this process, or a cluster.

    Args:
        parser: of the command.
        what: is cut into chunks.
    """
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="process",
        help="ray spreads the work over a Ray cluster, chunk by chunk (pip install vssn[ray]); "
        "exit code 3 and a list where some failed (default: %(default)s)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of the Ray cluster (default: $RAY_ADDRESS, or else one started on this machine)",
    )
    parser.add_argument(
        "--chunk_s",
        type=chunk_s,
        metavar="SECONDS",
        help=f"begin {what} anew, with a key frame, each time that so many seconds have passed "
        "(default: 60 with --engine ray, else never)",
    )
    parser.add_argument(
        "--pin_cpus",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="hold each worker of --engine ray on cores of its own, on machines where Ray has "
        "exactly those that may be used (default: yes)",
    )


def check_process_engine(args: argparse.Namespace) -> None:
    """Refuse what only a cluster knows.

    Raises:
        BadInputError: an address, cores of workers, or a folder behind a URL.
    """
    if args.pin_cpus is not None:
        flag = "--pin_cpus" if args.pin_cpus else "--no-pin_cpus"
        raise BadInputError(
            f"{flag} without --engine ray", "a cluster", "add --engine ray, or leave it out"
        )
    for name in ("address", "save_dir", "data_dir", "data_list"):
        value = getattr(args, name, None)
        if isinstance(value, str):
            raise BadInputError(
                f"--{name} {printable_url(value)} without --engine ray",
                "a cluster" if name == "address" else "a local path",
                "add --engine ray, or leave it out",
            )


def refuse_with_ray(args: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse flags that have no meaning on a cluster.

    Raises:
        BadInputError: one of them was given.
    """
    for name in names:
        value = getattr(args, name, None)
        if value not in (None, False):
            raise BadInputError(
                f"--{name} with --engine ray",
                "results in --save_dir: videos, records, manifest.parquet and report.html",
                "leave it out",
            )


def given_place(args: argparse.Namespace) -> str:
    """Where a cluster's results go.

    Raises:
        BadInputError: nowhere.
    """
    if args.save_dir is None:
        raise BadInputError("--save_dir none with --engine ray", "a folder", "name one")
    return str(args.save_dir)


def chunk_counter(bar: Any) -> Callable[[int, int], None]:
    """A callback that moves a progress bar; more chunks become known as inputs are opened."""

    def show(over: int, known: int) -> None:
        bar.total = known
        bar.update(over - bar.n)

    return show


def end_fleet_run(args: argparse.Namespace, run: FleetRun) -> int:
    """Print the figures, write the summary; the exit code."""
    print("\n".join(run.lines()))
    print(f"Report: {run.place}/report.html")
    write_summary(args.summary, run.summary())
    return EXIT_SOME_FAILED if run.failures or run.truncated else 0
