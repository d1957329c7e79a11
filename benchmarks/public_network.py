"""A light network of other hands, with its own weights: a TensorFlow Lite file of Cityscapes."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable
from pathlib import Path

import cv2
import numpy as np

from vssn.errors import BadInputError
from vssn.types import FramePath, FrameResult, UInt8Array

# CamVid's class of each of Cityscapes' 19 training classes: road, sidewalk, building, wall, fence,
# pole, traffic light, traffic sign, vegetation, terrain, sky, person, rider, car, truck, bus,
# train, motorcycle, bicycle.
CAMVID_OF_CITYSCAPES = (3, 4, 1, 1, 7, 2, 6, 6, 5, 5, 0, 9, 10, 8, 8, 8, 8, 10, 10)
THREADS = 2


class PublicSegmenter:
    """Segments every frame by itself.

    Args:
        path: a quantized network from (1, h, w, 3) uint8 RGB to (1, h, w) of Cityscapes' training
            classes, such as Coral's ``deeplab_mobilenet_edgetpu_slim_cityscapes_quant.tflite``.
        views: 1, the frame squeezed into the network's square; or 2, squares at its left and right,
            for frames from as wide as high to twice as wide.

    Raises:
        BadInputError: another kind of network.
    """

    def __init__(self, path: Path, views: int = 1) -> None:
        from vssn.runtime.startup import start_tensorflow

        start_tensorflow()
        import tensorflow as tf

        self._interpreter = tf.lite.Interpreter(str(path), num_threads=THREADS)
        self._interpreter.allocate_tensors()
        (given,) = self._interpreter.get_input_details()
        (made,) = self._interpreter.get_output_details()
        if given["dtype"] != np.uint8 or len(made["shape"]) != 3:
            raise BadInputError(f"'{path}'", "uint8 RGB in and classes out", "pass another")
        self._input, self._output = given["index"], made["index"]
        self._hw = tuple(int(side) for side in given["shape"][1:3])
        self._classes = np.zeros(256, np.uint8)
        self._classes[: len(CAMVID_OF_CITYSCAPES)] = CAMVID_OF_CITYSCAPES
        self._views = views
        self._index = 0

    def reset(self) -> None:
        """Begin a stream."""
        self._index = 0

    def step(self, frame_bgr: UInt8Array) -> FrameResult:
        """Segment a frame."""
        start = time.perf_counter()
        height, width = frame_bgr.shape[:2]
        if self._views == 1:
            labels = self._segmented(frame_bgr)
        else:
            side, middle = min(height, width), width // 2
            left = self._segmented(np.ascontiguousarray(frame_bgr[:, :side]))
            right = self._segmented(np.ascontiguousarray(frame_bgr[:, width - side :]))
            labels = np.hstack([left[:, :middle], right[:, middle - width :]])
        seconds = {"segment": time.perf_counter() - start}
        self._index += 1
        return FrameResult(self._index - 1, labels, FramePath.SEGMENT, None, 0, seconds)

    def _segmented(self, view_bgr: UInt8Array) -> UInt8Array:
        small = cv2.resize(view_bgr, self._hw[::-1], interpolation=cv2.INTER_AREA)
        self._interpreter.set_tensor(self._input, cv2.cvtColor(small, cv2.COLOR_BGR2RGB)[None])
        self._interpreter.invoke()
        found = self._interpreter.get_tensor(self._output)[0].astype(np.uint8)
        size_wh = view_bgr.shape[1::-1]
        return cv2.resize(self._classes[found], size_wh, interpolation=cv2.INTER_NEAREST)

    def stream(self, frames_bgr: Iterable[UInt8Array]) -> Generator[FrameResult, None, None]:
        """Segment frames one by one."""
        self.reset()
        for frame_bgr in frames_bgr:
            yield self.step(frame_bgr)
