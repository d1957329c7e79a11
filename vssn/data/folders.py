"""Lists of a user's own folders of frames and labels."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from vssn.data.lists import ListEntry, resolve
from vssn.errors import MediaError, argument
from vssn.files import in_natural_order, is_dir, is_file
from vssn.media.images import IMAGE_SUFFIXES

# What a label of the frame NAME.jpg is called; the second is how CamVid is handed out.
LABEL_NAMES = ("{}.png", "{}_L.png")


def entries_for_stills(data_dir: Path, split: str) -> list[ListEntry]:
    """List the images of ``<split>/`` that have a label in ``<split>annot/``.

    Every one is its own labelled frame; the order is that of the names, numbers by value.

    Raises:
        MediaError: a folder is missing, lies outside ``data_dir``, or nothing has a label.
    """
    entries = entries_for_sparse_video(data_dir, split, f"{split}annot")
    return [entry for entry in entries if entry.is_labelled]


def entries_for_sparse_video(data_dir: Path, frames: str, labels: str) -> list[ListEntry]:
    """List a folder of video frames of which some have a label.

    Each folder below ``frames`` is a video of its own (so the 30 fps layout works as it is), in
    the order of the names, numbers by value. The label of ``frames/a/b.jpg`` is ``labels/a/b.png``
    or, as CamVid is handed out, ``labels/a/b_L.png``. Each frame names the next labelled one; those
    after the last label are left out. Hidden files and folders are passed over.

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
    for image in _images(frames_dir):
        videos.setdefault(image.parent, []).append(image)
    entries = [
        entry
        for images in videos.values()
        for entry in _video_entries(root, images, frames_dir, labels_dir)
    ]
    if not entries:
        raise MediaError(
            f"'{frames_dir}' and '{labels_dir}', where no frame has a label",
            "labels NAME.png or NAME_L.png in the second for images NAME.jpg or .png in the first",
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
    root = data_dir.resolve()
    names = [path.relative_to(root).as_posix() for path in _images(folder) if path.parent == folder]
    different = sorted(set(distances))
    entries = [
        ListEntry(names[current - distance], names[current], names[current])
        for current in range(0, len(names), every)
        for distance in different
        if current >= distance
    ]
    if not entries:
        raise MediaError(
            f"'{folder}' of {len(names)} images",
            f"enough for a pair, at least {different[0] + 1}",
            f"check {argument('frames')} and {argument('distances')}",
        )
    return entries


def _video_entries(
    root: Path, images: list[Path], frames_dir: Path, labels_dir: Path
) -> list[ListEntry]:
    entries: list[ListEntry] = []
    upcoming: tuple[str, str] | None = None
    # From the end, so that the next labelled frame is always known.
    for image in reversed(images):
        name = image.relative_to(root).as_posix()
        label = _label(labels_dir / image.relative_to(frames_dir))
        if label is not None:
            upcoming = name, label.relative_to(root).as_posix()
        if upcoming is not None:
            entries.append(ListEntry(name, *upcoming))
    return entries[::-1]


def _label(beside: Path) -> Path | None:
    """The label of the image ``beside``, were that in the labels' folder."""
    named = (beside.with_name(name.format(beside.stem)) for name in LABEL_NAMES)
    return next((label for label in named if is_file(label)), None)


def _images(folder: Path) -> list[Path]:
    """The images in a folder and in those below it, in natural order."""
    found: list[Path] = []
    try:
        for parent, folders, files in os.walk(folder, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(parent, name) for name in files]
    except OSError as error:
        raise MediaError(
            f"folder '{error.filename}' ({error.strerror})", "a readable folder", "check it"
        ) from error
    return in_natural_order(path for path in found if path.suffix.lower() in IMAGE_SUFFIXES)


def _raise(error: OSError) -> None:
    raise error


def _folder(data_dir: Path, relative: str) -> Path:
    folder = resolve(data_dir, relative)
    if not is_dir(folder):
        raise MediaError(f"'{folder}'", "a folder", f"check it and {argument('data_dir')}")
    return folder
