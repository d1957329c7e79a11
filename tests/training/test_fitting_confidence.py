"""Fitting the confidence prediction on made clips."""

from __future__ import annotations

import gc
import itertools
import json
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.checkpoints.confidence_fit import IDENTITY, UNFITTED, ConfidenceFit, read_fits
from vssn.cli.main import main
from vssn.errors import MediaError
from vssn.training.confidence_fit import ConfidenceFitter, calibration
from vssn.types import FlowMethod, Propagate, Propagation, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeComparison, FakeFlow, FakeSegmentation


@pytest.fixture
def clip(paint: Callable[[np.ndarray], UInt8Array]) -> list[UInt8Array]:
    """Thirty frames of a car that goes to the right by 2 px each, before a road."""
    frames = []
    for number in range(30):
        labels = np.full((48, 64), 3)
        labels[10:40, 2 * number % 48 : 2 * number % 48 + 16] = 8
        frames.append(paint(labels))
    return frames


def test_calibration_never_falls_and_errs_least() -> None:
    raw = np.array([50.0, 60, 70, 80, 90, 95])
    true = np.array([40.0, 60, 50, 70, 90, 90])
    rising = calibration(raw, true)
    assert rising.raw[0] == rising.score[0] == 0
    assert [rising(value) for value in (50, 60, 70, 80, 95)] == pytest.approx(
        [40, 55, 55, 70, 90], abs=5
    )
    assert (np.diff(rising.score) >= 0).all()
    assert (np.diff(rising.raw) > 0).all()


def test_equal_predictions_count_together() -> None:
    raw, true = np.array([50.0, 50.0, 80.0]), np.array([40.0, 60.0, 90.0])
    rising = calibration(raw, true)
    assert (rising(50), rising(80)) == (50, 90)


def test_nothing_to_go_by_changes_nothing() -> None:
    empty = np.empty(0)
    assert calibration(empty, empty) is IDENTITY


def fitted(
    clip: list[UInt8Array], segmentation: FakeSegmentation, flow: FakeFlow, propagate: Propagate
) -> ConfidenceFit:
    """The fit of one clip."""
    way = Propagation(FlowMethod.DIS, propagate)
    fitter = ConfidenceFitter(segmentation, {way: flow})
    fitter.add_clip("made", iter(clip))
    return fitter.fits()[way.name]


@pytest.mark.parametrize("propagate", Propagate)
def test_the_rate_is_what_the_clip_shows(
    clip: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    propagate: Propagate,
) -> None:
    jitter = itertools.cycle((0.5, 1.0, 1.5))
    compare = fake_flow.compare

    def compared(current: np.ndarray, reference: np.ndarray) -> FakeComparison:
        fake_flow.flow_cells = (sign * next(jitter), 0)
        pair = compare(current, reference)
        pair.estimate()
        return pair

    fake_flow.compare = compared  # type: ignore[method-assign]
    sign = -1  # right for the car, on average, in cells of two px
    good = fitted(clip, fake_segmentation, fake_flow, propagate)
    sign = 1  # as long, and wrong
    bad = fitted(clip, fake_segmentation, fake_flow, propagate)
    # What a motion of 1 % costs in all.
    assert bad.rate + bad.flicker > 2 * (good.rate + good.flicker)


def test_a_clip_is_read_once_and_not_held(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    alive: list[weakref.ref[UInt8Array]] = []
    most = 0

    def frames() -> Iterator[UInt8Array]:
        nonlocal most
        for frame in clip:
            copied = frame.copy()
            alive.append(weakref.ref(copied))
            yield copied
            del copied
            gc.collect()
            most = max(most, sum(ref() is not None for ref in alive))

    ways = {Propagation(FlowMethod.DIS, each): fake_flow for each in Propagate}
    fitter = ConfidenceFitter(fake_segmentation, ways)
    gc.freeze()  # what earlier tests left, TensorFlow with it, need not be searched each time
    try:
        fitter.add_clip("made", frames())
    finally:
        gc.unfreeze()
    assert fake_segmentation.calls == len(clip)
    assert most <= 2
    assert set(fitter.fits()) == {"dis-chain", "dis-key"}


def test_clips_without_motion_leave_the_fit_as_it_was(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    assert fitted(clip, fake_segmentation, fake_flow, Propagate.KEY) == UNFITTED


@pytest.mark.parametrize("length", [0, 1])
def test_clips_that_are_too_short_are_refused(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, length: int
) -> None:
    with pytest.raises(MediaError, match="expected two frames or more"):
        fitted(clip[:length], fake_segmentation, fake_flow, Propagate.CHAIN)


@pytest.mark.usefixtures("fake_networks")
def test_the_command_writes_fits_beside_the_weights(
    clip: list[UInt8Array],
    weights_dir: Path,
    tmp_path: Path,
    refuses: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(clip[:8]):
        cv2.imwrite(str(folder / f"{number}.png"), frame)
    weights = ["--segnet_chkpt", str(weights_dir / "segnet.h5")]
    weights += ["--dvs_flownet_chkpt", str(weights_dir / "flow"), "--quiet"]
    refuses(["fit-schedule", "--clips", str(folder), "--frames", "1", *weights], "two frames")
    assert main(["fit-schedule", "--clips", str(folder), *weights]) == 0
    assert "more where the motion is 1 % of the width" in capsys.readouterr().out
    written = weights_dir / "segnet_schedule.json"
    assert set(read_fits(weights_dir / "segnet.h5")) == {"dis-chain", "dis-key", "flownets-chain"}
    assert all(entry["rate"] > 0 for entry in json.loads(written.read_text())["fits"].values())
    before = written.read_bytes()
    refuses(["fit-schedule", "--clips", str(tmp_path / "none"), *weights], "none")
    assert written.read_bytes() == before
