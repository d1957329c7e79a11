"""Validation of FlowNetS: mean IoU of propagated probabilities on a labelled video."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from vssn.errors import MediaError
from vssn.evaluation.warp_evaluation import chained_iou, warped_iou
from vssn.labels import SCALE_CHANNELS
from vssn.preprocess import flow_input
from vssn.training.probability_cache import PROBABILITY_ONE
from vssn.types import FlowEstimate, UInt8Array

DISTANCES = (1, 3)  # frames back to the key frame
INTERVALS = (5, 10)  # frames between key frames of a chain


class PropagationEvaluator:
    """A labelled validation video with a segmentation network's class probabilities.

    Args:
        frames_bgr: (H, W, 3) uint8 BGR, consecutive.
        labels: (H, W) uint8 each.
        probabilities: (h, w, 11) uint8 each, 255 for 1.

    Raises:
        MediaError: there are too few frames.
    """

    def __init__(
        self,
        frames_bgr: Sequence[UInt8Array],
        labels: Sequence[UInt8Array],
        probabilities: Sequence[UInt8Array],
    ) -> None:
        if len(frames_bgr) <= max(DISTANCES):
            raise MediaError(
                f"validation video of {len(frames_bgr)} frames",
                f"more than {max(DISTANCES)} consecutive ones, each labelled",
                "pass the CamVid folder whose val/ is one",
            )
        self._views = [flow_input(frame) for frame in frames_bgr]
        self._labels = labels
        self._probabilities = [
            image.astype(np.float32) / np.float32(PROBABILITY_ONE) for image in probabilities
        ]

    def metrics(self, model: keras.Model) -> dict[str, float]:
        """Mean IoU by distance and by interval, and their mean.

        Args:
            model: from :func:`vssn.models.flownets.build_flownets`.
        """
        run = tf.function(lambda pair: model(pair, training=False), autograph=False)
        estimates: dict[tuple[int, int], FlowEstimate] = {}

        def move(current: int, reference: int) -> FlowEstimate:
            if (current, reference) not in estimates:
                views = self._views[current], self._views[reference]
                result = run(np.concatenate(views, axis=-1)[np.newaxis])
                scale = result["scale"].numpy()[0][..., list(SCALE_CHANNELS)]
                estimate = FlowEstimate(result["flow"].numpy()[0], scale)
                estimates[current, reference] = estimate
            return estimates[current, reference]

        counted = {
            f"key_{k}": warped_iou(self._probabilities, self._labels, k, move) for k in DISTANCES
        }
        for k in INTERVALS:
            counted[f"chained_{k}"] = chained_iou(self._probabilities, self._labels, k, move)
        ious = {f"val_iou_{name}": counts.mean_iou() for name, counts in counted.items()}
        return {**ious, "val_mean_iou": float(np.mean(list(ious.values())))}
