"""What goes wrong on the user's side, said in one line.

Every error names what was given, what was expected and what to do. The commands print it as one
line and exit with code 2.
"""

from __future__ import annotations


class VssnError(Exception):
    """Base of everything this package raises on purpose."""


class BadInputError(VssnError):
    """The user gave something that can't be used.

    Args:
        given: what was given, with its name.
        expected: what it should have been.
        remedy: what to do about it.
    """

    def __init__(self, given: str, expected: str, remedy: str) -> None:
        # One line is promised, and a path or a parser's message may hold line ends.
        super().__init__(" ".join(f"{given}: expected {expected}; {remedy}".split()))


class CheckpointError(BadInputError):
    """Weights that are missing, damaged, or of another network."""


class MediaError(BadInputError):
    """A video, image, label or list that can't be read or written."""
