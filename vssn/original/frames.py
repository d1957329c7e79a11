"""The original's stream of a list: its second column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vssn.data.dataset import DatasetFrame, existing
from vssn.data.lists import ListEntry


def second_column_frames(data_dir: Path, entries: Sequence[ListEntry]) -> list[DatasetFrame]:
    """Find the files of a list as the original does, which streams the second column.

    So each labelled frame takes the turn of every frame that leads to it, 30 times in a row at
    CamVid's 30 fps, and is scored each time. The first image of the first column is what the flow
    network is shown as the first key frame.

    Raises:
        MediaError: a file is missing or outside the data directory; nothing is read before that.
    """
    first = existing(data_dir, entries[0].frame)
    return [
        DatasetFrame(
            entry.labelled,
            existing(data_dir, entry.labelled),
            existing(data_dir, entry.label),
            first,
        )
        for entry in entries
    ]
