"""The ``vssn`` command: one subcommand per job; the scripts call these too."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn, Protocol

from vssn.errors import VssnError
from vssn.version import __version__


class Command(Protocol):
    """What a module of this package offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags."""

    def run(self, args: argparse.Namespace) -> int:
        """Do the work; return the exit code."""


# What each command does; its module has its name, with underscores.
COMMANDS = {
    "infer": "segment a data set and score it",
    "video": "annotate a video",
    "features": "make the decision network's training data",
    "train-segnet": "train the segmentation network",
    "train-flownets": "train the flow network",
    "train-decision": "train the decision network",
    "average-weights": "average weights of the segmentation network",
    "convert": "convert a Keras .h5 to a frozen .pb and other formats",
    "calibrate": "measure the ranges that int8 needs",
    "fit-schedule": "calibrate the confidence threshold",
    "evaluate-warp": "evaluate how well results are propagated over frames",
    "evaluate-schedule": "evaluate when frames are segmented",
    "make-lists": "write list files",
    "extract-frames": "write a video's frames as images",
    "synthetic-video": "make short synthetic videos of stills, pairs for the decision network",
    "demo": "annotate the demo clip",
}
# Names of earlier versions; they work, and --help does not list them.
ALIASES = {
    "propagation": "evaluate-warp",
    "scheme": "evaluate-schedule",
    "move-stills": "synthetic-video",
}
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(EXIT_BAD_INPUT, f"error: {message}; see {self.prog} --help\n")


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="vssn", description="Adaptive semantic segmentation of driving video on a CPU."
    )
    parser.add_argument("--version", action="version", version=f"vssn {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        sub.add_argument("--version", action="version", version=f"vssn {__version__}")
        # Only the command in use is imported, so that --help stays quick.
        if name in argv[:1]:
            command: Command = importlib.import_module(f"vssn.cli.{name.replace('-', '_')}")
            command.add_arguments(sub)
            sub.set_defaults(run=command.run)
    return parser


def _treat_as_ctrl_c(*names: str) -> None:
    """Let these signals end the command as Ctrl-C does, so that what was made is kept.

    One that is ignored, as ``nohup`` has it, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0, 2 for bad input, 130 when interrupted."""
    given = list(sys.argv[1:] if argv is None else argv)
    given[:1] = [ALIASES.get(name, name) for name in given[:1]]
    args = _parser(given).parse_args(given)
    logging.basicConfig(
        level=logging.WARNING if getattr(args, "quiet", False) else logging.INFO,
        format="%(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    _treat_as_ctrl_c("SIGTERM", "SIGHUP")
    try:
        code: int = args.run(args)
    except VssnError as error:
        from vssn.cli.options import FLAGS

        print(f"error: {error.for_command(FLAGS)}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())
