from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.checkpoints.arrays import read_segnet
from vssn.checkpoints.folded import weights_digest
from vssn.errors import BadInputError, CheckpointError
from vssn.json_files import content_digest
from vssn.runtime import int8_ranges
from vssn.runtime.int8_ranges import (
    calibrate,
    keep_sensitive,
    ranges_path,
    read_ranges,
    write_ranges,
)

if TYPE_CHECKING:
    from vssn.checkpoints.arrays import Weights

HW = (64, 96)
DIGEST = "d" * 64
RANGES = {"image": (0.0, 255.0), "conv2d_1": (-8.5, 8.25)}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return tmp_path / "resnet50_segnet.h5"


def test_ranges_are_of_each_tensor_that_a_convolution_reads(
    segnet_arrays: Weights, frame_bgr: np.ndarray
) -> None:
    ranges = calibrate(segnet_arrays, [frame_bgr], HW)
    assert ranges["image"] == (0, 255)
    assert "logits" not in ranges
    # 39 activated tensors of the encoder with the image, two between the decoder's layers.
    assert len(ranges) == 1 + 1 + 13 * 3 + 2
    signed = {name for name, (low, _) in ranges.items() if low < 0}
    assert signed == {"conv2d_1", "conv2d_2"}
    assert all(high > 0 for _, high in ranges.values())


def test_the_range_is_that_of_least_error() -> None:
    rng = np.random.default_rng(0)
    values = np.abs(rng.laplace(0, 1, 60_000)).astype(np.float32)
    histogram = int8_ranges._Histogram(3 * float(values.max()), signed=False)
    histogram.add(values)

    def error(limit: float) -> float:
        step = limit / 255
        return float(np.mean((np.clip(np.rint(values / step), 0, 255) * step - values) ** 2))

    low, high = histogram.best_range()
    assert low == 0
    assert high < 1.1 * values.max()
    assert error(high) < 1.1 * min(error(high * factor) for factor in np.linspace(0.5, 2, 31))


def test_no_frames_are_refused(segnet_arrays: Weights) -> None:
    with pytest.raises(BadInputError, match="frames"):
        calibrate(segnet_arrays, [], HW)


def test_what_changes_most_labels_stays_in_floating_point(
    segnet_arrays: Weights, frame_bgr: np.ndarray
) -> None:
    bad = {"conv1": (0.0, 0.01), "2a": (0.0, 50.0)}  # the first cuts nearly everything off
    kept = keep_sensitive(segnet_arrays, bad, [frame_bgr], HW, least_agreement=0.9)
    assert kept == {"2a": (0.0, 50.0)}


def test_ranges_are_read_as_written(weights: Path) -> None:
    path = write_ranges(weights, RANGES, DIGEST)
    assert path == ranges_path(weights) == weights.with_name("resnet50_segnet_int8.json")
    assert read_ranges(weights, DIGEST) == RANGES
    assert read_ranges(weights.with_suffix(".pb"), DIGEST) == RANGES


def test_versions_of_weights_do_not_share_ranges(tmp_path: Path) -> None:
    names = ("best.v1.h5", "best.v2.h5", "best.v1.weights.h5")
    paths = [ranges_path(tmp_path / name).name for name in names]
    assert paths == ["best.v1_int8.json", "best.v2_int8.json", "best.v1_int8.json"]


def test_ranges_of_other_weights_are_not_used(
    weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_ranges(weights, DIGEST) is None
    write_ranges(weights, RANGES, DIGEST)
    assert read_ranges(weights, "e" * 64) is None
    assert "other weights" in caplog.text


@pytest.mark.parametrize(
    "ranges",
    [
        None,
        [],
        {"a": 1},
        {"a": [1]},
        {"a": [2, 1]},
        {"a": [0, "x"]},
        {"a": [0, 1e999]},
        {"a": [0, 1e9]},
    ],
)
def test_damaged_ranges_are_refused(weights: Path, ranges: object) -> None:
    path = write_ranges(weights, RANGES, DIGEST)
    content = json.loads(path.read_text()) | {"ranges": ranges}
    path.write_text(json.dumps(content | {"sha256": content_digest(content)}))
    with pytest.raises(CheckpointError, match=r"_int8\.json"):
        read_ranges(weights, DIGEST)
    path.write_text("{")
    with pytest.raises(CheckpointError, match="calibrate again"):
        read_ranges(weights, DIGEST)


def test_a_range_that_was_changed_is_refused(weights: Path) -> None:
    path = write_ranges(weights, RANGES, DIGEST)
    path.write_text(path.read_text().replace("8.25", "825.0"))
    with pytest.raises(CheckpointError, match="its checksum is wrong"):
        read_ranges(weights, DIGEST)


@pytest.mark.real
def test_the_shipped_ranges_belong_to_the_shipped_weights(repo_root: Path) -> None:
    weights = repo_root / "resnet50_segnet_model" / "resnet50_segnet.h5"
    ranges = read_ranges(weights, weights_digest(read_segnet(weights)))
    assert ranges is not None
    assert len(ranges) == 43
