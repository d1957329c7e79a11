"""The cache of class probabilities: by frame and network; damaged files are replaced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.training.probability_cache import CachedProbabilities


class Network:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def probabilities(self, frame_bgr: np.ndarray) -> np.ndarray:
        self.asked += 1
        return np.full((2, 3, 11), frame_bgr.mean() / 255, np.float32)


FRAME = np.full((4, 6, 3), 51, np.uint8)


def test_a_frame_is_segmented_once(tmp_path: Path) -> None:
    network = Network()
    first, again = (CachedProbabilities(network, "a", tmp_path / "kept")(FRAME) for _ in range(2))
    assert network.asked == 1
    assert (first == 51).all()
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)


def test_other_frames_shapes_and_networks_are_segmented(tmp_path: Path) -> None:
    network = Network()
    kept = CachedProbabilities(network, "a", tmp_path)
    kept(FRAME)
    assert (kept(FRAME + 50) == 101).all()
    kept(FRAME.reshape(6, 4, 3))
    CachedProbabilities(network, "b", tmp_path)(FRAME)
    assert network.asked == 4


def test_without_a_folder_nothing_is_kept() -> None:
    network = Network()
    kept = CachedProbabilities(network, "a", None)
    kept(FRAME)
    kept(FRAME)
    assert network.asked == 2


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04 half a file"])
def test_a_damaged_file_is_written_anew(tmp_path: Path, damage: bytes) -> None:
    network = Network()
    kept = CachedProbabilities(network, "a", tmp_path)
    kept(FRAME)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert (kept(FRAME) == 51).all()
    assert (kept(FRAME) == 51).all()
    assert network.asked == 2


def test_a_folder_that_can_not_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="output directory"):
        CachedProbabilities(Network(), "a", tmp_path / "file")
