"""The CamVid stills layout: ``<split>/`` with images and ``<split>annot/`` with labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vssn.errors import MediaError
from vssn.files import in_natural_order, is_file
from vssn.media.images import IMAGE_SUFFIXES, read_image_bgr, read_label
from vssn.preprocess import size_hw
from vssn.types import UInt8Array


@dataclass(frozen=True)
class Still:
    """A labelled image on disk."""

    image: Path
    label: Path

    def load_bgr(self) -> tuple[UInt8Array, UInt8Array]:
        """Read (H, W, 3) uint8 BGR and (H, W) uint8 labels.

        Raises:
            MediaError: either can't be read, or their sizes differ.
        """
        image = read_image_bgr(self.image)
        return image, read_label(self.label, size_hw(image))

    def load_label(self) -> UInt8Array:
        """Read (H, W) uint8 labels alone.

        Raises:
            MediaError: they can't be read.
        """
        return read_label(self.label)

    def load_rgb(self) -> tuple[UInt8Array, UInt8Array]:
        """As :meth:`load_bgr`, in the colour order that training works in."""
        image, label = self.load_bgr()
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), label


def list_stills(data_dir: Path, split: str) -> list[Still]:
    """List a split of a data set in the stills layout, in natural order.

    Raises:
        MediaError: a folder or a label is missing, or there are no images.
    """
    folder, annotations = data_dir / split, data_dir / f"{split}annot"
    images = in_natural_order(p for p in folder.glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise MediaError(
            f"data folder '{folder}' without images",
            "PNG or JPEG images there",
            f"name the folder that holds '{split}' with images and '{split}annot' with labels",
        )
    stills = [Still(image, annotations / f"{image.stem}.png") for image in images]
    for still in stills:
        if not is_file(still.label):
            raise MediaError(f"image '{still.image}'", f"a label '{still.label}'", "add the label")
    return stills
