"""The ``vssn`` command: one subcommand per job; the scripts call these too."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, Protocol, TextIO

from vssn.cli.ending import interrupts_kept, treat_as_ctrl_c
from vssn.errors import MediaError, VssnError, printable
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
    "live": "segment a camera or a network stream, every frame on time",
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
    "bench": "measure this machine and recommend settings",
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
STREAMS = (0, 1, 2)  # the standard ones' descriptors
STDOUT = STREAMS[1]
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(EXIT_BAD_INPUT, f"error: {printable(message)}; see {self.prog} --help\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, which takes ``--flag=--`` for a flag with no value at all."""
        for given in args or ():
            if given.startswith("--") and given.endswith("=--"):
                self.error(f"argument {given[:-3]}: expected a value")
        return super().parse_known_args(args, namespace)


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


class _OneLineFormatter(logging.Formatter):
    """Shows what a terminal would obey, such as control characters in names, as escapes."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The record's line, without a traceback."""
        return printable(super().formatMessage(record))


def _shown(text: str) -> str:
    """Text of whose control characters only those of layout are obeyed."""
    return "".join(each if each in "\n\r\t" else printable(each) for each in text)


class _Output(io.TextIOBase):
    """The standard output; what keeps it from being written is said in one line."""

    def __init__(self, text: TextIO | None) -> None:
        self._text = text

    def write(self, text: str) -> int:
        """Pass text on; nothing is written where the output was closed before the start."""
        with self._told():
            if self._text:
                self._text.write(_shown(text))
            return len(text)

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


def _open_standard_streams() -> None:
    """Let what was closed before the start lead nowhere.

    The next file that is opened would take its number, and libraries would print into it.
    """
    for descriptor in STREAMS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process runs


def _prepare_output() -> None:
    """Let text that the terminal's encoding lacks be shown escaped."""
    for text in (sys.stdout, sys.stderr):
        if isinstance(text, io.TextIOWrapper):
            text.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None, segmenter: str | None = None) -> int:
    """Run a command; return its exit code.

    Args:
        argv: the command and its flags; None for those that the process was started with.
        segmenter: the network where neither a flag nor a profile names one; None for the default.

    Returns:
        0; 2 for bad input or output that can't be written; 130 when interrupted, 141 when the
        reader of the output went away.
    """
    _open_standard_streams()
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")  # what it would print is said in a line
    _prepare_output()
    treat_as_ctrl_c()
    try:
        with interrupts_kept(), contextlib.redirect_stdout(_Output(sys.stdout)):
            code = _run(list(sys.argv[1:] if argv is None else argv), segmenter)
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


def _run(given: list[str], segmenter: str | None) -> int:
    given[:1] = [ALIASES.get(name, name) for name in given[:1]]
    args = _parser(given).parse_args(given, argparse.Namespace(default_segmenter=segmenter))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLineFormatter("%(message)s"))
    level = logging.WARNING if getattr(args, "quiet", False) else logging.INFO
    logging.basicConfig(level=level, handlers=[handler])
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    code: int = args.run(args)
    return code


def _complain(message: str) -> None:
    """Print a line to the standard error, unless that is closed or full too."""
    with contextlib.suppress(OSError, ValueError, KeyboardInterrupt):
        print(message, file=sys.stderr, flush=True)


def _drop_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter ends without a complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)


if __name__ == "__main__":
    sys.exit(main())
