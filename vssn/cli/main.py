"""The ``vssn`` command: one subcommand per job; the scripts call these too."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NoReturn, Protocol, TextIO

from vssn.errors import MediaError, VssnError
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
    "calibrate-camera": "make a camera file from pictures of a chessboard",
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
STDOUT = 1  # its file descriptor
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


class _Output(io.TextIOBase):
    """The standard output; what keeps it from being written is said in one line."""

    def __init__(self, text: TextIO | None) -> None:
        self._text = text

    def write(self, text: str) -> int:
        """Pass text on; nothing is written where the output was closed before the start."""
        with self._told():
            return self._text.write(text) if self._text else len(text)

    def flush(self) -> None:
        """Pass it on."""
        with self._told():
            if self._text:
                self._text.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            self._text = None  # nor can what is still buffered be written
            _drop_output()
            raise MediaError(
                f"standard output ({error.strerror})",
                "room for the results",
                "free some, or send them elsewhere",
            ) from error


def _prepare_output() -> None:
    """Let text that the terminal's encoding lacks be shown escaped."""
    for text in (sys.stdout, sys.stderr):
        if isinstance(text, io.TextIOWrapper):
            text.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code.

    Returns:
        0; 2 for bad input or output that can't be written; 130 when interrupted, 141 when the
        reader of the output went away.
    """
    _prepare_output()
    _treat_as_ctrl_c("SIGTERM", "SIGHUP")
    try:
        with contextlib.redirect_stdout(_Output(sys.stdout)):
            code = _run(list(sys.argv[1:] if argv is None else argv))
            print(end="", flush=True)
    except VssnError as error:
        from vssn.cli.options import FLAGS

        _complain(f"error: {error.for_command(FLAGS)}")
        return EXIT_BAD_INPUT
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        _drop_output()
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        _complain("interrupted")
        return EXIT_INTERRUPTED
    return code


def _run(given: list[str]) -> int:
    given[:1] = [ALIASES.get(name, name) for name in given[:1]]
    args = _parser(given).parse_args(given)
    logging.basicConfig(
        level=logging.WARNING if getattr(args, "quiet", False) else logging.INFO,
        format="%(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    code: int = args.run(args)
    return code


def _complain(message: str) -> None:
    """Print a line to the standard error, unless that is closed or full too."""
    with contextlib.suppress(OSError, ValueError):
        print(message, file=sys.stderr, flush=True)


def _drop_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter ends without a complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)


if __name__ == "__main__":
    sys.exit(main())
