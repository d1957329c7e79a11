"""Every network, flow, reference frame, schedule and profile together, with the shipped weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from vssn.cli.main import main
from vssn.config import PROFILES
from vssn.data.demo import STREET_PACKAGE, street_clip
from vssn.errors import CheckpointError, MediaError
from vssn.labels import NUM_CLASSES
from vssn.media.images import read_label, write_image
from vssn.media.video import VideoSource
from vssn.models.architectures import SEGMENTER_NAMES
from vssn.runtime import load
from vssn.types import DVSNET_PROPAGATION, FlowMethod, Propagate, Propagation

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

Refuses = Callable[..., str]
START, FRAMES = 140, 4
HW = (272, 640)
# Frames that are segmented, where that doesn't depend on what is seen.
SCHEDULES = {"decision": None, "confidence": None, "fixed:3": 2, "always": FRAMES}


@pytest.fixture(scope="module")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some frames of the demo's clip, the last with a label, and their list."""
    try:
        clip = street_clip()
    except MediaError as error:
        pytest.skip(f"NO DEMO CLIP: install {STREET_PACKAGE} ({error})")
    folder = tmp_path_factory.mktemp("street")
    with VideoSource(clip) as source:
        for index, frame in enumerate(islice(source, START, START + FRAMES)):
            write_image(folder / f"{index}.png", frame)
    write_image(folder / "label.png", np.zeros(HW, np.uint8))
    lines = [f"{index}.png {FRAMES - 1}.png label.png" for index in range(FRAMES)]
    (folder / "list.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module", autouse=True)
def loaded_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Loading takes longer than a few frames, so each set of weights is loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))  # the weights are found as shipped
        try:
            load.WeightPaths.locate("ensemble")
        except CheckpointError as error:
            pytest.skip(f"NO SHIPPED WEIGHTS: {error}")
        patch.setattr(load, "load_networks", cache(load.load_networks))
        yield


@pytest.fixture
def argv(data_set: Path, tmp_path: Path) -> list[str]:
    """A command that works."""
    data = ["--data_dir", str(data_set), "--data_list", str(data_set / "list.txt")]
    masks = ["--save_dir", str(tmp_path / "masks"), "--mask_kind", "palette"]
    return ["infer", *data, *masks, "--summary", str(tmp_path / "summary.json"), "--quiet"]


def check_labels(folder: Path, segmented: int | None) -> None:
    """Labels of the frames' size, of a busy street; and how many frames were segmented."""
    masks = [read_label(folder / f"masks/mask{index}.png") for index in range(FRAMES)]
    for labels in masks:
        assert labels.shape == HW
        assert labels.max() < NUM_CLASSES
        assert len(np.unique(labels)) > 4
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["segmentation_steps"] + summary["flow_steps"] == FRAMES
    if segmented is not None:
        assert summary["segmentation_steps"] == segmented


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("propagate", [each.value for each in Propagate])
@pytest.mark.parametrize("flow", [each.value for each in FlowMethod])
@pytest.mark.parametrize("segmenter", SEGMENTER_NAMES)
def test_they_go_together_or_are_refused(
    segmenter: str,
    flow: str,
    propagate: str,
    schedule: str,
    argv: list[str],
    tmp_path: Path,
    refuses: Refuses,
) -> None:
    argv += ["--segmenter", segmenter, "--flow", flow, "--propagate", propagate]
    argv += ["--schedule", schedule]
    propagation = Propagation(FlowMethod(flow), Propagate(propagate))
    if schedule == "decision" and propagation != DVSNET_PROPAGATION:
        refuses(argv, "--schedule decision", "pass --flow flownets and --propagate key")
        return
    assert main(argv) == 0
    check_labels(tmp_path, SCHEDULES[schedule])


@pytest.mark.parametrize("schedule", [None, *SCHEDULES])
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_go_with_schedules_or_are_refused(
    profile: str, schedule: str | None, argv: list[str], tmp_path: Path, refuses: Refuses
) -> None:
    argv += ["--profile", profile]
    if schedule is not None:
        argv += ["--schedule", schedule]
    if schedule == "decision" and profile != "original":
        refuses(argv, "--schedule decision", "pass --flow flownets and --propagate key")
        return
    assert main(argv) == 0
    # At the profile's target of 100 all are.
    check_labels(tmp_path, FRAMES if profile == "accurate" and schedule is None else None)


def test_the_original_profile_needs_its_flow(argv: list[str], refuses: Refuses) -> None:
    refuses([*argv, "--profile", "original", "--flow", "dis"], "--schedule decision", "flownets")
