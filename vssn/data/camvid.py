"""The lists of CamVid's 30 fps layout, made from the names of its folders alone."""

from __future__ import annotations

from vssn.data.lists import ListEntry
from vssn.errors import BadInputError

# Folders (prefix, first, last), the first and last *labelled* frame.
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
