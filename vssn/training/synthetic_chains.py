"""Short chains of frames with synthetic motion, made from labelled stills.

A chain has the class probabilities of its first frame, and for each later frame labels and the
flow back to the frame before. See :mod:`vssn.training.synthetic_motion`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vssn.data.stills import Still
from vssn.flow.warp import pixel_grid
from vssn.labels import NUM_CLASSES
from vssn.preprocess import size_hw
from vssn.training.probability_cache import Probabilities
from vssn.training.synthetic_motion import (
    CutOut,
    camera_flow,
    compose,
    drawn_objects,
    jitter_frames,
    object_motion,
    paste,
    places_in_first,
    random_crop,
    sample,
    set_object_flow,
)
from vssn.types import Float32Array, UInt8Array

OBJECT_PROBABILITY, OTHER_PROBABILITY = (
    240,
    1,
)  # of 255, on a cut-out
JITTER_SHARE = 0.5  # colour jitter, as a share of a pair's
SLOW_SHARE = 0.3  # of the chains are slower than pairs


@dataclass(frozen=True)
class Chain:
    """Consecutive frames, oldest first, for n warps.

    Attributes:
        frames_rgb: (n + 1, h, w, 3) uint8 RGB.
        probabilities: (h, w, 11) uint8 class probabilities of the first frame, 255 for 1.
        labels: (n, h, w) uint8 of the later frames; 11 where unknown.
        flow: (n, h, w, 2) float32 px, from each later frame back to the one before it.
        weight: (n, h, w) float32, 0-1, confidence in the flow.
    """

    frames_rgb: UInt8Array
    probabilities: UInt8Array
    labels: UInt8Array
    flow: Float32Array
    weight: Float32Array


@dataclass(frozen=True)
class SegmentedStill:
    """A labelled still with a segmentation network's class probabilities.

    Attributes:
        image_rgb: (H, W, 3) uint8 RGB.
        label: (H, W) uint8.
        probabilities: (h, w, 11) uint8, 255 for 1.
    """

    image_rgb: UInt8Array
    label: UInt8Array
    probabilities: UInt8Array

    @classmethod
    def load(cls, still: Still, probabilities: Probabilities) -> SegmentedStill:
        """Read a still and get its class probabilities.

        Raises:
            MediaError: it can't be read.
        """
        image_bgr, label = still.load_bgr()
        image_rgb = np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), np.uint8)
        return cls(image_rgb, label, probabilities(image_bgr))


def synthetic_chain(
    rng: np.random.Generator,
    still: SegmentedStill,
    objects: list[CutOut],
    hw: tuple[int, int],
    steps: int,
    min_share: float,
) -> Chain:
    """Give a still, its labels and its probabilities synthetic camera motion.

    Args:
        rng: source of all randomness.
        still: the source.
        objects: cut-outs to choose moving objects from.
        hw: size of the frames in px.
        steps: number of warps.
        min_share: smallest share of the still's width in a frame.
    """
    matrix = random_crop(rng, size_hw(still.image_rgb), hw, min_share)
    flow = _shaken_camera_flow(rng, hw, steps)
    where = [pixel_grid(hw), *places_in_first(flow)]
    places = [place @ matrix[:, :2].T + matrix[:, 2] for place in where]
    chain = Chain(
        np.stack([sample(still.image_rgb, place) for place in places]),
        _probabilities_at(still, places[0]),
        np.stack([sample(still.label, place, cv2.INTER_NEAREST) for place in places[1:]]),
        flow,
        np.ones((steps, *hw), np.float32),
    )
    for cut in drawn_objects(rng, objects):
        _add_object(rng, chain, cut)
    return chain


def _shaken_camera_flow(rng: np.random.Generator, hw: tuple[int, int], steps: int) -> Float32Array:
    """A camera's flow, repeated with small random changes."""
    steady = camera_flow(rng, hw) * (rng.uniform(0, 0.5) if rng.random() < SLOW_SHARE else 1)
    pace = rng.uniform(0.8, 1.2, (steps, 1, 1, 1))
    jolt = rng.normal(0, 0.4, (steps, 1, 1, 2))
    return np.asarray(steady * pace + jolt, np.float32)


def _probabilities_at(still: SegmentedStill, place: Float32Array) -> UInt8Array:
    (rows, columns), (height, width) = size_hw(still.probabilities), size_hw(still.image_rgb)
    return sample(still.probabilities, (place + 0.5) * (columns / width, rows / height) - 0.5)


def _add_object(rng: np.random.Generator, chain: Chain, cut: CutOut) -> None:
    """Add a moving object in place: pixels, labels, flow and probabilities."""
    hw = size_hw(chain.probabilities)
    place, back = object_motion(rng, cut, hw, 0.8)
    opacity: list[Float32Array] = []
    for frame in chain.frames_rgb[::-1]:
        opacity.insert(0, paste(frame, cut, place))
        place = compose(back, place)
    for step in range(len(chain.flow)):
        chain.labels[step][opacity[step + 1] > 0.5] = cut.label
        before_and_after = (opacity[step + 1], opacity[step])
        set_object_flow(chain.flow[step], chain.weight[step], before_and_after, back)
    own = np.where(np.arange(NUM_CLASSES) == cut.label, OBJECT_PROBABILITY, OTHER_PROBABILITY)
    here = opacity[0] > 0
    blend = opacity[0][here, np.newaxis]
    chain.probabilities[here] = (own * blend + chain.probabilities[here] * (1 - blend)).astype(
        np.uint8
    )


def mirrored(chain: Chain) -> Chain:
    """The chain, mirrored horizontally."""
    return Chain(
        chain.frames_rgb[:, :, ::-1],
        chain.probabilities[:, ::-1],
        chain.labels[:, :, ::-1],
        chain.flow[:, :, ::-1] * np.array([-1, 1], np.float32),
        chain.weight[:, :, ::-1],
    )


def jittered(rng: np.random.Generator, chain: Chain, displaced_share: float) -> Chain:
    """Change the frames' colours, and displace the probabilities as earlier warps would.

    Args:
        rng: source of all randomness.
        chain: the source; it stays unchanged.
        displaced_share: share of the chains whose probabilities are displaced by about a px.
    """
    frames = np.stack(jitter_frames(rng, chain.frames_rgb, JITTER_SHARE))
    probabilities = chain.probabilities
    if rng.random() < displaced_share:
        hw = size_hw(probabilities)
        coarse = (int(rng.integers(4, 14)), int(rng.integers(5, 20)), 2)
        offset = rng.normal(0, rng.exponential(1.2), coarse).astype(np.float32)
        where = pixel_grid(hw) + cv2.resize(offset, hw[::-1], interpolation=cv2.INTER_LINEAR)
        probabilities = sample(np.ascontiguousarray(probabilities), where)
    return Chain(frames, probabilities, chain.labels, chain.flow, chain.weight)
