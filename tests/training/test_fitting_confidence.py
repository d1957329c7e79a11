"""Fitting the predicted confidence on made clips."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.checkpoints.confidence_fit import IDENTITY, UNFITTED, ConfidenceFit, read_fits
from vssn.cli.main import main
from vssn.errors import MediaError
from vssn.evaluation.baselines import measured_agreement
from vssn.flow.warp import warp_probabilities
from vssn.networks import FlowNetwork
from vssn.streaming.confidence import fit_loss
from vssn.training.confidence_fit import ConfidenceFitter, calibration
from vssn.types import Float32Array, FlowMethod, Propagate, Propagation, UInt8Array

if TYPE_CHECKING:
    from conftest import FakeComparison, FakeFlow, FakeSegmentation


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


def test_frames_of_the_same_prediction_count_together() -> None:
    raw, true = np.array([50.0, 50.0, 80.0]), np.array([40.0, 60.0, 90.0])
    rising = calibration(raw, true)
    assert (rising(50), rising(80)) == (50, 90)


def test_nothing_to_go_by_changes_nothing() -> None:
    empty = np.empty(0)
    assert calibration(empty, empty) is IDENTITY


WAYS = [Propagation(FlowMethod.DIS, propagate) for propagate in Propagate]


def fits_of(
    clips: list[list[UInt8Array]], segmentation: FakeSegmentation, flow: FlowNetwork
) -> dict[str, ConfidenceFit]:
    """Fits of both ways to propagate."""
    fitter = ConfidenceFitter(segmentation, dict.fromkeys(WAYS, flow))
    for clip in clips:
        fitter.add_clip("made", iter(clip))
    return fitter.fits()


class GrowingFlow:
    """Half a cell per frame between frames whose red value is their number; the car moves one."""

    def __init__(self, flow: FakeFlow) -> None:
        self._flow = flow

    def prepare(self, frame_bgr: UInt8Array) -> Float32Array:
        return np.full((24, 32, 3), frame_bgr[0, 0, 2], np.float32)

    def compare(self, current: Float32Array, reference: Float32Array) -> FakeComparison:
        self._flow.flow_cells = (float(reference[0, 0, 0] - current[0, 0, 0]) / 2, 0.0)
        comparison = self._flow.compare(current, reference)
        comparison.estimate()  # made now, before the cells change
        return comparison


def numbered(clip: list[UInt8Array]) -> list[UInt8Array]:
    """The clip, for :class:`GrowingFlow`."""
    frames = [frame.copy() for frame in clip]
    for number, frame in enumerate(frames):
        frame[..., 2] = number
    return frames


def test_a_fit_is_the_least_squares_of_losses_along_the_clip(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    clip, flow = numbered(clip[:24]), GrowingFlow(fake_flow)
    segmented = [fake_segmentation.probabilities(frame) for frame in clip]
    exposures, losses = [], []
    for key in range(0, len(clip), 4):
        for number in range(key + 1, min(key + 17, len(clip))):
            pair = flow.compare(flow.prepare(clip[number]), flow.prepare(clip[key]))
            warped = warp_probabilities(segmented[key], pair.estimate())
            exposures.append(((number - key) / 2 / 32 * 100 / 2) ** 0.75)  # half of the mean length
            losses.append(100 - measured_agreement(warped, segmented[number]))
    unrest, rate = fit_loss(exposures, losses)
    fit = fits_of([clip], fake_segmentation, flow)["dis-key"]
    assert fit.rate == pytest.approx(max(rate, 0.1), rel=1e-3)
    assert fit.unrest == pytest.approx(max(unrest, 0.5), rel=1e-3)
    assert rate > 0.1


def test_a_wrong_flow_costs_more_than_a_right_one(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    fake_flow.flow_cells = (-1, 0)  # right for the car, in cells of two px
    good = fits_of([clip[:24]], fake_segmentation, fake_flow)["dis-chain"]
    fake_flow.flow_cells = (-0.75, 0)  # half a pixel more is missing after each frame
    bad = fits_of([clip[:24]], fake_segmentation, fake_flow)["dis-chain"]
    assert good.rate < bad.rate


def test_fits_are_geometric_means_over_the_clips(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    fake_flow.flow_cells = (1, 0)
    slow = [frame for frame in clip[:12] for _ in range(2)]
    one, other, both = (
        fits_of(clips, fake_segmentation, fake_flow)["dis-chain"]
        for clips in ([clip], [slow], [clip, slow])
    )
    assert one.rate != pytest.approx(other.rate, rel=0.01)
    assert both.rate == pytest.approx((one.rate * other.rate) ** 0.5)
    assert both.unrest == pytest.approx((one.unrest * other.unrest) ** 0.5)


def test_clips_without_motion_fit_nothing(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    assert set(fits_of([clip], fake_segmentation, fake_flow).values()) == {UNFITTED}
    assert set(fits_of([], fake_segmentation, fake_flow).values()) == {UNFITTED}


@pytest.mark.parametrize("length", [0, 1])
def test_a_clip_that_is_too_short_is_refused(
    clip: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, length: int
) -> None:
    with pytest.raises(
        MediaError, match=f"clip 'made' of {length} frames: expected two frames or more"
    ):
        fits_of([clip, clip[:length]], fake_segmentation, fake_flow)


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
