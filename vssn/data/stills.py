"""The CamVid stills layout: ``<split>/`` with images and ``<split>annot/`` with labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vssn.errors import MediaError
from vssn.files import in_natural_order, is_file, open_regular
from vssn.labels import VOID
from vssn.media.images import IMAGE_SUFFIXES, MAX_BYTES, read_image_bgr, read_label
from vssn.preprocess import size_hw
from vssn.types import UInt8Array


@dataclass(frozen=True)
class Still:
    """An image on disk and, unless all of it is void, its labels."""

    image: Path
    label: Path | None

    def load_bgr(self) -> tuple[UInt8Array, UInt8Array]:
        """Read (H, W, 3) uint8 BGR and (H, W) uint8 labels.

        Raises:
            MediaError: either can't be read, or their sizes differ.
        """
        image = read_image_bgr(self.image)
        if self.label is None:
            return image, np.full(size_hw(image), VOID, np.uint8)
        return image, read_label(self.label, size_hw(image))

    def load_rgb(self) -> tuple[UInt8Array, UInt8Array]:
        """As :meth:`load_bgr`, in the colour order that training works in."""
        image, label = self.load_bgr()
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8), label


def list_stills(data_dir: Path, split: str, labelled: bool = True) -> list[Still]:
    """List a split of a data set in the stills layout, in natural order.

    Args:
        data_dir: the data set.
        split: name of the images' folder.
        labelled: whether each image needs a label; otherwise none is looked for.

    Raises:
        MediaError: a folder or a label is missing, one that is there is no file that could be
            read, or there are no images.
    """
    folder, annotations = data_dir / split, data_dir / f"{split}annot"
    images = in_natural_order(p for p in folder.glob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise MediaError(
            f"data folder '{folder}' without images",
            "PNG or JPEG images there",
            f"name the folder that holds '{split}' with images and '{split}annot' with labels",
        )
    for image in images:  # which are read much later, in a training
        open_regular(image, MAX_BYTES, "image").close()
    if not labelled:
        return [Still(image, None) for image in images]
    labels = [annotations / f"{image.stem}.png" for image in images]
    for image, label in zip(images, labels, strict=True):
        if not is_file(label):
            raise MediaError(f"image '{image}'", f"a label '{label}'", "add the label")
        open_regular(label, MAX_BYTES, "label").close()
    return list(map(Still, images, labels))
