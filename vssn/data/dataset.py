"""Inference over a data set: stream the list in order, score the labelled frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from vssn.data.lists import ListEntry, resolve
from vssn.errors import MediaError, argument
from vssn.files import is_file
from vssn.media.images import read_image_bgr, read_label
from vssn.media.video import exact_seconds
from vssn.preprocess import size_hw
from vssn.types import TimedFrame, UInt8Array


@dataclass(frozen=True)
class DatasetFrame:
    """A frame of the stream and, where it has one, its label image.

    Attributes:
        name: as the list calls it.
        image: its file.
        label: its label image's file.
        shown_as_key: the image that the flow network is shown instead of this frame, should the
            stream begin with it.
    """

    name: str
    image: Path
    label: Path | None
    shown_as_key: Path | None = None

    def read(self) -> tuple[UInt8Array, UInt8Array | None]:
        """Read (H, W, 3) uint8 BGR and (H, W) uint8 labels.

        Raises:
            MediaError: a file can't be read, or the sizes differ.
        """
        image = read_image_bgr(self.image)
        return image, read_label(self.label, size_hw(image)) if self.label else None


def dataset_frames(data_dir: Path, entries: Sequence[ListEntry]) -> list[DatasetFrame]:
    """Find the files of a list: its first column, and labels where it names a labelled frame.

    Raises:
        MediaError: a file is missing or outside the data directory; nothing is read before that.
    """
    return [
        DatasetFrame(
            entry.frame,
            existing(data_dir, entry.frame),
            existing(data_dir, entry.label) if entry.is_labelled else None,
        )
        for entry in entries
    ]


def existing(data_dir: Path, relative: str) -> Path:
    """The file that a list entry names.

    Raises:
        MediaError: it is missing or outside the data directory.
    """
    path = resolve(data_dir, relative)
    if not is_file(path):
        raise MediaError(
            f"list entry '{path}'", "an existing file", f"check {argument('data_dir')} and the list"
        )
    return path


def iter_frames(
    frames: Sequence[DatasetFrame], chunk_s: float | None = None
) -> Iterator[TimedFrame]:
    """Read the frames one by one; see :meth:`DatasetFrame.read`. A step counts as a second.

    Args:
        frames: of the data set.
        chunk_s: a chunk begins each time that this has passed; None for one chunk.
    """
    before = 0
    for index, frame in enumerate(frames):
        image, truth = frame.read()
        chunk = int(index / exact_seconds(chunk_s)) if chunk_s else 0
        yield TimedFrame(index, Fraction(index), image, truth, starts_chunk=chunk != before)
        before = chunk
