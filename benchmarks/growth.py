"""How cost grows with the frame's size, the video's length, the classes and the objects."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
from measuring import markdown, median_seconds

from vssn.api import load_networks, load_segmenter, process
from vssn.flow.warp import warp_probabilities
from vssn.media.pipeline import WriteBehind
from vssn.media.sink import VideoSink
from vssn.runtime.load import Networks
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.annotators import Annotator, DrawingSink
from vssn.streaming.labelling import labels_from_probabilities
from vssn.types import FlowEstimate, FramePath, FrameResult, TimedFrame, VideoInfo

SIZES = ((180, 320), (360, 640), (720, 1280), (1080, 1920), (2160, 3840))
LENGTH, PART = 10_000, 1_000
LENGTH_HW = (360, 640)
CLASSES = (11, 22, 44, 88)
OBJECTS = (10, 100, 1000)
REPEATS = 15
GRID_HW = (208, 304)
Row = dict[str, float]


def _ms(call: Callable[[], object]) -> float:
    return median_seconds(call, REPEATS) * 1000


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def by_size(frames: Sequence[np.ndarray], networks: Networks) -> list[Row]:
    """Median ms of a segmented and a warped frame, and of drawing, by the frame's pixels."""
    rows = []
    for height, width in SIZES:
        large = [cv2.resize(frame, (width, height)) for frame in frames[:REPEATS]]
        row: Row = {"width": width, "height": height}
        for name, target in (("segmented_ms", 100.0), ("warped_ms", 0.0)):
            segmenter, following = load_segmenter(target=target, networks=networks), cycle(large)
            segmenter.step(next(following))
            row[name] = _ms(lambda: segmenter.step(next(following)))  # noqa: B023
        result = segmenter.step(large[0])
        annotator = Annotator(VideoInfo(width, height, 25.0, None))
        row["drawn_ms"] = _ms(lambda: annotator.annotate(large[0], result))  # noqa: B023
        rows.append(row)
    return rows


def by_length(frames: Sequence[np.ndarray], networks: Networks) -> list[Row]:
    """Memory and time per frame of the whole chain, in parts of a long video.

    Reading is from memory; every frame after the first is warped, drawn and written.
    """
    small = [cv2.resize(frame, LENGTH_HW[::-1]) for frame in frames]
    info = VideoInfo(LENGTH_HW[1], LENGTH_HW[0], 25.0, LENGTH)
    segmenter = load_segmenter(target=0, networks=networks)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        sink = VideoSink(Path(folder, "long.avi"), info)
        drawing = DrawingSink(Annotator(info), [WriteBehind(sink)])
        with WriteBehind(drawing) as writer:
            start = time.perf_counter()
            frames_in = (
                TimedFrame(index, Fraction(index, 25), frame.copy())
                for index, frame in enumerate(islice(cycle(small), LENGTH), start=1)
            )
            for timed, result in process(frames_in, segmenter):
                index = timed.index
                writer.write(timed, result)
                if index % PART == 0:
                    ms = (time.perf_counter() - start) / PART * 1000
                    rows.append({"frames": index, "ms": ms, "resident_mib": _resident_mib()})
                    start = time.perf_counter()
    return rows


def by_classes() -> list[Row]:
    """Median ms of warping and of picking labels by the number of classes."""
    rng = np.random.default_rng(0)
    flow = np.full((*GRID_HW, 2), 1.3, np.float32)
    rows = []
    for classes in CLASSES:
        blobs = cv2.resize(rng.random((13, 19, classes), np.float32), GRID_HW[::-1])
        propagated = _ms(lambda: warp_probabilities(blobs, FlowEstimate(flow, None)))  # noqa: B023
        labels = _ms(lambda: labels_from_probabilities(blobs, (720, 960)))  # noqa: B023
        rows.append({"classes": classes, "warp_ms": propagated, "labels_ms": labels})
    return rows


def by_objects() -> list[Row]:
    """Median ms of finding, measuring and drawing by the number of objects in the frame."""
    rows = []
    info = VideoInfo(1920, 1080, 25.0, None)
    canvas = np.zeros((1080, 1920, 3), np.uint8)
    for count in OBJECTS:
        labels = np.full((1080, 1920), 3, np.uint8)
        side = int(np.ceil(count**0.5))
        for index in range(count):
            y, x = divmod(index, side)
            top, left = y * 1080 // side, x * 1920 // side
            labels[top : top + 540 // side, left : left + 960 // side] = 8

        annotator = Annotator(info, analyser=SceneAnalyser(info, min_area_share=0.0))

        def run() -> None:
            result = FrameResult(0, labels, FramePath.SEGMENT, None, 0)  # noqa: B023
            annotator.annotate(canvas, result)  # noqa: B023

        rows.append({"objects": count, "ms": _ms(run)})
    return rows


def measure(frames: Sequence[np.ndarray]) -> dict[str, list[Row]]:
    networks = load_networks(segmenter="resnet50_segnet")
    return {
        "size": by_size(frames, networks),
        "classes": by_classes(),
        "objects": by_objects(),
        "length": by_length(frames, networks),
    }


def table(grown: dict[str, list[Row]]) -> list[str]:
    lines = []
    for rows in grown.values():
        names = list(rows[0])
        cells = ([f"{row[name]:.1f}".removesuffix(".0") for name in names] for row in rows)
        lines += [*markdown([name.replace("_", " ") for name in names], cells), ""]
    return lines
