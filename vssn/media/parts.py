"""The file that an output has while it is made, and what a killed run leaves of it.

A video is written as ``NAME.partial-XXXXXXXX.mp4`` beside its final name: fragmented MP4, which
plays as it is at any moment. It is locked while its writer lives, so that a later run can tell
what a killed one left.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
from pathlib import Path

from vssn.errors import MediaError
from vssn.files import create_exclusively, is_abandoned, is_held, lock_file, undisturbed
from vssn.media.containers import opened

logger = logging.getLogger(__name__)

PART = ".partial-"
FINISHING = ".finishing-"  # the same, copied into its final container
SUFFIX = ".mp4"
TOKEN_BYTES = 4
TRIES = 100
COMMENT = "made with vssn from "  # in a video's metadata, before its source's name
PLACE_DIGITS = 8
PLACE = re.compile(rf" \([0-9a-f]{{{PLACE_DIGITS}}}\)$")


def create_part(final: Path, suffix: str = SUFFIX) -> tuple[Path, int]:
    """Create and lock a new part of a video, under a name that nobody can foresee.

    Returns:
        Its path and its descriptor, which holds the lock.

    Raises:
        OSError: it can't be created, or another run is writing this very file.
    """
    with undisturbed(final.parent):
        for part in _parts(final, suffix):
            if is_held(part) and not _is_of_another(part, final):
                raise OSError(errno.EBUSY, "another run is writing it")
        for _ in range(TRIES):
            path = final.with_name(f"{final.stem}{PART}{secrets.token_hex(TOKEN_BYTES)}{suffix}")
            try:
                descriptor = create_exclusively(path)
            except FileExistsError:
                continue
            lock_file(descriptor)
            return path, descriptor
    raise FileExistsError(f"{TRIES} random names are taken")


def _parts(final: Path, suffix: str) -> list[Path]:
    found = final.parent.glob(f"*{PART}*{suffix}")
    return sorted(path for path in found if path.name.startswith(final.stem + PART))


def _is_of_another(part: Path, final: Path) -> bool:
    """Whether a part says that it becomes a file of the same stem in another container."""
    try:
        with opened(part) as container:
            return container.metadata.get("title", final.name) != final.name
    except MediaError:  # just begun
        return False


def comment_on(source: str) -> str:
    """What a video's metadata say of its source: its name, and a digest of where it is.

    Clips of different folders often have one name; the folders' own names stay private.
    """
    place = os.path.abspath(source) if os.path.exists(source) else source
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:PLACE_DIGITS]
    return f"{COMMENT}{os.path.basename(source)} ({digest})"


def abandoned_parts(final: Path, suffix: str = SUFFIX) -> list[Path]:
    """Parts of a video whose writer is gone."""
    with undisturbed(final.parent):
        return [part for part in _parts(final, suffix) if is_abandoned(part)]


def remove_parts(parts: list[Path], final: Path, comment: str) -> None:
    """Remove what killed runs left of a video, now that it is there.

    Args:
        parts: see :func:`abandoned_parts`.
        final: the video; parts of one with another suffix stay.
        comment: the video's; parts of another source stay.
    """
    for part in parts:
        try:
            with opened(part) as container:
                said = container.metadata
                same = (said.get("title"), said.get("comment")) == (final.name, comment)
        except MediaError:  # nothing in it can be played
            same = True
        if same:
            part.unlink(missing_ok=True)
            finishing = part.stem.replace(PART, FINISHING) + final.suffix
            part.with_name(finishing).unlink(missing_ok=True)


def warn_of_another_source(path: Path, comment: str) -> None:
    """Log that a video is about to be replaced by that of another source."""
    try:
        with opened(path) as older:
            made = {name.lower(): value for name, value in older.metadata.items()}
    except MediaError:
        return
    before = made.get("comment", "")
    if before.startswith(COMMENT) and before != comment:
        name, now = (PLACE.sub("", each.removeprefix(COMMENT)) for each in (before, comment))
        another = "another " if name == now else ""
        logger.warning("'%s', which was made from %s'%s', is replaced", path, another, name)


def take_name(finished: Path, final: Path, complete: bool) -> Path:
    """Give a finished file its name: ``final``, or a free one beside it.

    Args:
        finished: the file.
        final: the name that it should have.
        complete: whether it may replace an older file there.

    Returns:
        The name that it got.

    Raises:
        OSError: it can't be renamed.
    """
    taken = os.path.lexists(final)
    target = free_name(final) if taken and not complete else final
    os.replace(finished, target)
    return target


def free_name(final: Path) -> Path:
    """``NAME.partial.SUFFIX``, or with the first free number: where an interrupted video goes."""
    candidate = final.with_name(f"{final.stem}.partial{final.suffix}")
    number = 2
    while os.path.lexists(candidate):
        candidate = final.with_name(f"{final.stem}.partial-{number}{final.suffix}")
        number += 1
    return candidate
