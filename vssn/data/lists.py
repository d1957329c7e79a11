"""List files: which frames make a stream, and which label evaluates each of them.

A line per frame, three paths relative to the data directory with a space between them:
``frame labelled label``. ``labelled`` is the next frame that has a label, ``label`` that label; a
frame is evaluated where the first two are the same file. This is the original's form. A path that
holds spaces stands in quotes, with each quote inside it doubled; or tabs part the paths.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vssn.errors import MediaError, argument
from vssn.files import is_dir, is_there, make_directory, read_regular, write_bytes
from vssn.shipped import find_shipped

MAX_BYTES = 64 << 20
DIGEST_FILE = "SHA256SUMS"
MAX_DIGEST_BYTES = 1 << 16
MAX_ENTRIES = 1_000_000
_FIELDS = (
    "three paths with a space or tab between them: frame, labelled frame, label "
    '(a path with spaces in quotes: "my frames/1.png")'
)
_FIELD = re.compile(r"""\s*(?:"((?:[^"]|"")*)"|'((?:[^']|'')*)'|([^\s"]\S*))(?=\s|$)""")


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A line of a list file; paths are relative to the data directory, with '/' between parts.

    Attributes:
        frame: the image that takes its turn in the stream.
        labelled: the next labelled image, at or after ``frame``.
        label: the label of ``labelled``.
    """

    frame: str
    labelled: str
    label: str

    @property
    def is_labelled(self) -> bool:
        """Whether the frame itself has a label, so that its result can be evaluated."""
        return self.frame == self.labelled


def default_list(split: str) -> Path:
    """The list file of CamVid's split, in ``list/`` here or as the project ships it."""
    return find_shipped(f"list/{split}_file_list.txt")


def read_list(path: Path) -> list[ListEntry]:
    """Read a list file; Windows line ends, a byte order mark and blank lines are fine.

    Raises:
        MediaError: missing, empty, too large, no text, a line without three paths, or not what
            ``SHA256SUMS`` beside it says.
    """
    data = read_regular(path, MAX_BYTES, "list")
    _check_digest(path, data)
    # Bytes that are no UTF-8 become unprintable characters, so their line can be named.
    text = data.decode("utf-8-sig", "surrogateescape")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise MediaError(f"list '{path}', which is empty", _FIELDS, "see vssn make-lists --help")
    if len(lines) > MAX_ENTRIES:
        raise MediaError(
            f"list '{path}' of {len(lines)} lines", f"at most {MAX_ENTRIES}", "split the list"
        )
    return [_parse(path, number, line.strip()) for number, line in lines]


def _check_digest(path: Path, data: bytes) -> None:
    """Compare a list with the digest that a file beside it gives, as for the lists that we ship."""
    beside = path.with_name(DIGEST_FILE)
    if not is_there(beside):
        return
    for line in read_regular(beside, MAX_DIGEST_BYTES, "digests").split(b"\n"):
        digest, _, name = line.partition(b"  ")
        # Git may have changed the line ends.
        found = hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest().encode()
        if name.strip() == os.fsencode(path.name) and digest != found:
            raise MediaError(
                f"list '{path}' (its checksum is wrong)",
                f"the list that '{DIGEST_FILE}' beside it tells of",
                "restore it, give a list of your own another name, or remove its line there",
            )


def _parse(path: Path, number: int, line: str) -> ListEntry:
    fields = _fields(line)
    if not _is_text(line.replace("\t", " ")):
        given, remedy = "holds bytes that are no text", "give a list file in UTF-8"
    elif fields is None:
        given, remedy = "holds a quote that is not closed", "correct this line"
    elif len(fields) != 3 or not all(fields):
        given, remedy = f"holds {len(fields)} fields", "correct this line"
    else:
        # './a' and 'a' are one file, and entries are compared by name.
        return ListEntry(*(PurePosixPath(field).as_posix() for field in fields))
    raise MediaError(f"list '{path}:{number}' {given}", _FIELDS, remedy)


def _fields(line: str) -> list[str] | None:
    """The paths in a line; None where a quote is open at its end."""
    if not re.search("[\t\"']", line):
        return line.split()
    parted = [part.strip(" ") for part in line.split("\t")]
    if len(parted) == 3:
        return [_unquoted(part) for part in parted]
    fields, place = [], 0
    while place < len(line):
        found = _FIELD.match(line, place)
        if found is None:
            return None
        fields.append(_unquoted(found[0].strip()))
        place = found.end()
    return fields


def _unquoted(field: str) -> str:
    quote = field[:1]
    if len(field) > 1 and quote in ("'", '"') and field.endswith(quote):
        return field[1:-1].replace(quote * 2, quote)
    return field


def _is_text(text: str) -> bool:
    """Whether a path in a list may hold it: printable characters, and spaces of any width."""
    return text.isprintable() or all(
        char.isprintable() or unicodedata.category(char) == "Zs" for char in text
    )


def resolve(data_dir: Path, relative: str) -> Path:
    """Give the place of a list entry's path, which must lie inside the data directory.

    Absolute paths, '..' and symbolic links are fine as long as they end up inside.

    Raises:
        MediaError: it lies outside, or can't be a path.
    """
    try:
        root = data_dir.resolve()
        place = (root / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a NUL
        raise MediaError(
            f"list entry {relative!r} ({error})", "a path", "correct the list"
        ) from error
    if not place.is_relative_to(root):
        raise MediaError(
            f"list entry '{relative}', which lies outside of the data directory '{data_dir}'",
            "a path inside it",
            f"correct the list, or name the directory that holds it all by {argument('data_dir')}",
        )
    return place


def write_list(path: Path, entries: Iterable[ListEntry]) -> int:
    """Write a list file atomically and return its number of lines; make its directory if needed.

    Raises:
        MediaError: a path holds line ends or other characters that can't be printed, or the file
            can't be written.
    """
    lines = [_line(entry) for entry in entries]
    make_directory(path.parent)
    if is_dir(path):
        raise MediaError(f"list '{path}', which is a directory", "a file", "name a file in it")
    write_bytes(path, "".join(lines).encode(), "list")
    return len(lines)


def _line(entry: ListEntry) -> str:
    return " ".join(_quoted(path) for path in (entry.frame, entry.labelled, entry.label)) + "\n"


def _quoted(path: str) -> str:
    if not path or not _is_text(path):
        raise MediaError(
            f"file name {path!r}",
            "printable characters and spaces only, since a list holds a frame a line",
            "rename the file or its folder",
        )
    plain = path.split() == [path] and not path.startswith(("'", '"'))
    return path if plain else '"' + path.replace('"', '""') + '"'
