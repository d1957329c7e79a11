"""What goes wrong on the user's side, said in one line.

Every error names what was given, what was expected and what to do. The commands print it as one
line and exit with code 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_TEXT = 1000  # characters of each part of an error
# Arguments stand in an error's text between characters that no text holds: private use.
_START, _VALUE, _END = "\ue000", "\ue001", "\ue002"
_ARGUMENT = re.compile(f"{_START}([^{_VALUE}]*){_VALUE}([^{_VALUE}]*){_VALUE}([^{_END}]*){_END}")


def argument(name: str, value: object = None) -> str:
    """An argument in an error's text: Python users read its name, users of commands its flag.

    Args:
        name: of the Python argument, such as ``regions``.
        value: what is, or should be, passed; None shows the name alone.
    """
    python, command = ("", "")
    if value is not None:
        python, command = f"={_shortened(repr(value))}", f" {_shortened(str(value))}"
    return f"{_START}{name}{_VALUE}{python}{_VALUE}{command}{_END}"


def _shortened(text: str) -> str:
    """Text without its middle, where that quotes kilobytes of a file."""
    if len(text) <= MAX_TEXT or _START in text:
        return text
    return f"{text[: MAX_TEXT // 2]}...{text[-MAX_TEXT // 2 :]}"


def printable(text: str) -> str:
    """Text with what a terminal would obey, or can't show, as escapes such as backslash, x1b.

    Names of files and of what is in them are chosen by others.
    """
    return "".join(
        each
        if each.isprintable() or each in (_START, _VALUE, _END)
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


class VssnError(Exception):
    """Base of everything this package raises on purpose."""

    def __str__(self) -> str:
        return _ARGUMENT.sub(r"\1\2", super().__str__())

    def for_command(self, flags: Mapping[str, str]) -> str:
        """The message as a command prints it.

        Args:
            flags: an argument's flag, where it isn't the name after two dashes.
        """
        return _ARGUMENT.sub(
            lambda found: flags.get(found[1], f"--{found[1]}") + found[3], super().__str__()
        )


class BadInputError(VssnError):
    """The user gave something that can't be used.

    Args:
        given: what was given, with its name.
        expected: what it should have been.
        remedy: what to do about it.
    """

    def __init__(self, given: str, expected: str, remedy: str) -> None:
        # One line is promised, and a path or a parser's message may hold line ends.
        given, expected, remedy = map(_shortened, (given, expected, remedy))
        self.given, self.expected, self.remedy = given, expected, remedy
        line = " ".join(f"{given}: expected {expected}; {remedy}".split())
        super().__init__(printable(line))


class CheckpointError(BadInputError):
    """Weights that are missing, damaged, or of another network."""


class MediaError(BadInputError):
    """A video, image, label or list that can't be read or written."""
