"""List files: which frames make a stream, and which label scores each of them.

A line per frame, three paths relative to the data directory with a space between them:
``frame labelled label``. ``labelled`` is the next frame that has a label, ``label`` that label; a
frame is scored where the first two are the same file. This is the original's form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vssn.errors import BadInputError, MediaError
from vssn.files import atomic_path, make_directory, natural_key
from vssn.media.images import IMAGE_SUFFIXES
from vssn.shipped import find_shipped

_FIELDS = "three paths with a space between them: frame, labelled frame, label"


@dataclass(frozen=True)
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
        """Whether the frame itself has a label, so that its result can be scored."""
        return self.frame == self.labelled


def default_list(split: str) -> Path:
    """The list file of CamVid's split, in ``list/`` here or as the project ships it."""
    return find_shipped(f"list/{split}_file_list.txt")


def read_list(path: Path) -> list[ListEntry]:
    """Read a list file; Windows line ends, a byte order mark and blank lines are fine.

    Raises:
        MediaError: missing, empty, no text, or a line without three paths.
    """
    try:
        # Bytes that are no UTF-8 become unprintable characters, so their line can be named.
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as lines:
            entries = [
                _parse(path, number, line) for number, line in enumerate(lines, 1) if line.strip()
            ]
    except OSError as error:
        raise MediaError(
            f"list '{path}' ({error.strerror})", "a readable list file", "check the path"
        ) from error
    if not entries:
        raise MediaError(f"list '{path}', which is empty", _FIELDS, "see vssn make-lists --help")
    return entries


def _parse(path: Path, number: int, line: str) -> ListEntry:
    fields = line.split()
    if not all(field.isprintable() for field in fields):
        given, remedy = "holds bytes that are no text", "give a list file in UTF-8"
    elif len(fields) != 3:
        given, remedy = f"holds {len(fields)} fields", "correct this line"
    else:
        # './a' and 'a' are one file, and entries are compared by name.
        return ListEntry(*(PurePosixPath(field).as_posix() for field in fields))
    raise MediaError(f"list '{path}:{number}' {given}", _FIELDS, remedy)


def resolve(data_dir: Path, relative: str) -> Path:
    """Give the place of a list entry's path, which must lie inside the data directory.

    Absolute paths, '..' and symbolic links are fine as long as they end up inside.

    Raises:
        MediaError: it lies outside, or can't be a path.
    """
    root = data_dir.resolve()
    try:
        place = (root / relative).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop of links, a NUL
        raise MediaError(
            f"list entry {relative!r} ({error})", "a path", "correct the list"
        ) from error
    if not place.is_relative_to(root):
        raise MediaError(
            f"list entry '{relative}', which lies outside of the data directory '{data_dir}'",
            "a path inside it",
            "correct the list, or name the directory that holds all of it with --data_dir",
        )
    return place


def write_list(path: Path, entries: Iterable[ListEntry]) -> int:
    """Write a list file atomically and return its number of lines; make its directory if needed.

    Raises:
        MediaError: a path holds a space or unprintable characters, which the form has no room for,
            or the file can't be written.
    """
    lines = [_line(entry) for entry in entries]
    make_directory(path.parent)
    if path.is_dir():
        raise MediaError(f"list '{path}', which is a directory", "a file", "name a file in it")
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes("".join(lines).encode())
    except OSError as error:
        raise MediaError(
            f"list '{path}' ({error.strerror})", "a writable file", "choose another place"
        ) from error
    return len(lines)


def _line(entry: ListEntry) -> str:
    fields = (entry.frame, entry.labelled, entry.label)
    for field in fields:
        if field.split() != [field] or not field.isprintable():
            raise MediaError(
                f"file name {field!r}",
                "no space or unprintable character in it, as spaces part a list's paths",
                "rename the file or its folder",
            )
    return " ".join(fields) + "\n"


# The 30 fps layout of CamVid: folders (prefix, first, last), the first and last *labelled* frame.
_CAMVID_FOLDERS = {
    "train": (
        ("01TP", 30, 1860),
        ("06R0", 930, 3930),
        ("16E5", 390, 2400),
        ("16E5", 4350, 7920),
        ("16E5", 8190, 8640),
    ),
    "val": (("16E5", 7959, 8159),),
    "test": (("01TP", 1890, 3720), ("05VD", 0, 5100)),
}
CAMVID_SPLITS = tuple(_CAMVID_FOLDERS)
_LABEL_STEP = 30
# In this folder the labelled frame that is due at 900 is frame 901, image and label.
_LATE_LABEL = {("16E5", 390, 2400): {900: 901}}


def camvid_30_fps_entries(split: str) -> list[ListEntry]:
    """List a split of the ``camvid_30_fps`` layout, from its folders' names alone.

    For a folder of first and last labelled frame (a, b) the frames run from max(0, a-29) up to and
    without b. The last folder frame is labelled even where b-a is no multiple of 30, as in val.

    Args:
        split: "train" (11,005 entries), "val" (229) or "test" (6,959).

    Raises:
        BadInputError: another split.
    """
    if split not in _CAMVID_FOLDERS:
        raise BadInputError(f"split '{split}'", " or ".join(CAMVID_SPLITS), "name one of them")
    return [
        entry
        for prefix, first, last in _CAMVID_FOLDERS[split]
        for entry in _camvid_folder_entries(split, prefix, first, last)
    ]


def _camvid_folder_entries(split: str, prefix: str, first: int, last: int) -> list[ListEntry]:
    late = _LATE_LABEL.get((prefix, first, last), {})
    labelled = [late.get(frame, frame) for frame in (*range(first, last, _LABEL_STEP), last)]
    folder = f"{prefix}_{first}_{last}"
    entries = []
    for frame in range(max(0, first - _LABEL_STEP + 1), last):
        upcoming = next(number for number in labelled if number >= frame)
        image, label = f"{prefix}_{frame:06d}.png", f"{prefix}_{upcoming:06d}.png"
        entries.append(
            ListEntry(
                f"{split}/{folder}/{image}",
                f"{split}/{folder}/{label}",
                f"{split}annot/{folder}/{label}",
            )
        )
    return entries


def entries_for_stills(data_dir: Path, split: str) -> list[ListEntry]:
    """List the images of ``<split>/`` that have a label of the same stem in ``<split>annot/``.

    Every one is its own labelled frame; the order is that of the names, numbers by value.

    Raises:
        MediaError: a folder is missing, lies outside ``data_dir``, or nothing has a label.
    """
    entries = entries_for_sparse_video(data_dir, split, f"{split}annot")
    return [entry for entry in entries if entry.is_labelled]


def entries_for_sparse_video(data_dir: Path, frames: str, labels: str) -> list[ListEntry]:
    """List a folder of video frames of which some have a label.

    Each folder below ``frames`` is a video of its own (so the 30 fps layout works as it is), in
    the order of the names, numbers by value. The label of ``frames/a/b.jpg`` is ``labels/a/b.png``.
    Each frame names the next labelled one; those after the last label are left out.

    Args:
        data_dir: what the entries' paths are relative to.
        frames: folder of the frames, inside ``data_dir`` and relative to it, or absolute.
        labels: folder of the labels, likewise.

    Raises:
        MediaError: a folder is missing or lies outside ``data_dir``, or no frame has a label.
    """
    root = data_dir.resolve()
    frames_dir, labels_dir = _folder(data_dir, frames), _folder(data_dir, labels)
    videos: dict[Path, list[Path]] = {}
    for image in sorted(frames_dir.rglob("*"), key=natural_key):
        if image.suffix.lower() in IMAGE_SUFFIXES:
            videos.setdefault(image.parent, []).append(image)
    entries = [
        entry
        for images in videos.values()
        for entry in _video_entries(root, images, frames_dir, labels_dir)
    ]
    if not entries:
        raise MediaError(
            f"'{frames_dir}' and '{labels_dir}', where no frame has a label",
            "images in the one and PNG labels of the same names in the other",
            "check both folders",
        )
    return entries


def entries_for_pairs(
    data_dir: Path, frames: str, distances: Iterable[int], every: int = 1
) -> list[ListEntry]:
    """List pairs of frames of one folder, for feature generation; labels are not needed.

    Args:
        data_dir: what the entries' paths are relative to.
        frames: folder of a video's frames, inside ``data_dir``.
        distances: frames between the first (key) and the second (current) of a pair.
        every: take each so manieth frame as the current one.

    Raises:
        MediaError: the folder is missing, lies outside, or is too short for any pair.
    """
    folder = _folder(data_dir, frames)
    names = [
        image.relative_to(data_dir.resolve()).as_posix()
        for image in sorted(folder.iterdir(), key=natural_key)
        if image.suffix.lower() in IMAGE_SUFFIXES
    ]
    entries = [
        ListEntry(names[current - distance], names[current], names[current])
        for current in range(0, len(names), every)
        for distance in distances
        if current >= distance
    ]
    if not entries:
        raise MediaError(f"'{folder}' of {len(names)} images", "enough for a pair", "check it")
    return entries


def _video_entries(
    root: Path, images: list[Path], frames_dir: Path, labels_dir: Path
) -> list[ListEntry]:
    entries: list[ListEntry] = []
    upcoming: tuple[str, str] | None = None
    # From the end, so that the next labelled frame is always known.
    for image in reversed(images):
        name = image.relative_to(root).as_posix()
        label = (labels_dir / image.relative_to(frames_dir)).with_suffix(".png")
        if label.is_file():
            upcoming = name, label.relative_to(root).as_posix()
        if upcoming is not None:
            entries.append(ListEntry(name, *upcoming))
    return entries[::-1]


def _folder(data_dir: Path, relative: str) -> Path:
    folder = resolve(data_dir, relative)
    if not folder.is_dir():
        raise MediaError(f"'{folder}'", "a folder", "check it and --data_dir")
    return folder
