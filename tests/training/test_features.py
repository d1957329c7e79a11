"""Training data of the decision network: agreement, clip, interruption, damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.errors import BadInputError, MediaError
from vssn.streaming.agreement import pixel_agreement
from vssn.streaming.rules import VSSN_RULES
from vssn.training.feature_set import read_feature_set
from vssn.training.features import (
    FeatureWriter,
    FramePair,
    PairEvaluator,
    generate_features,
)
from vssn.types import UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeFlow, FakeSegmentation

SHAPE = (4, 5, 384)
SETTINGS = {"weights_sha256": "weights", "pairs_sha256": "list"}
AGREEMENT = [92.5, 40.0, 77.25, 99.0, 60.0, 85.0]


class FakeEvaluator:
    """Fills each pair's feature with its number; may be interrupted."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.interrupt_at = interrupt_at
        self.asked: list[int] = []

    def evaluate(self, pair: FramePair) -> tuple[np.ndarray, float]:
        number = int(pair.key.name)
        if number == self.interrupt_at:
            raise KeyboardInterrupt
        self.asked.append(number)
        return np.full(SHAPE, number, np.float32), AGREEMENT[number]


PAIRS = [FramePair(Path(str(number)), Path("current")) for number in range(len(AGREEMENT))]


def generate(
    folder: Path, evaluator: FakeEvaluator, clip: float = 0.0, settings: dict[str, str] = SETTINGS
) -> int:
    with FeatureWriter(folder, settings, clip) as writer:
        for _ in generate_features(PAIRS, evaluator.evaluate, writer):
            pass
        return writer.finish()


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_warped_key_frame_is_compared_with_the_segmented_current_frame(
    tmp_path: Path,
    paint: Callable[[np.ndarray], UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
) -> None:
    key = np.full((48, 64), 3)
    key[:, 20:30] = 8
    current = np.roll(key, 4, axis=1)
    for name, labels in (("key", key), ("current", current)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), paint(labels))
    pair = FramePair(tmp_path / "key.png", tmp_path / "current.png")
    evaluator = PairEvaluator(fake_segmentation, fake_flow)
    feature, copied = evaluator.evaluate(pair)
    assert feature.shape == SHAPE
    # Copied, the car of 10 columns is off by 4, and so is the road of 54 around it. Each counts by
    # the root of its area in either.
    roots = np.sqrt([14, 58])
    assert copied == pytest.approx(100 * (roots @ [6 / 14, 50 / 58]) / roots.sum())
    by_pixel = PairEvaluator(
        fake_segmentation, fake_flow, replace(VSSN_RULES, agreement=pixel_agreement)
    )
    assert by_pixel.evaluate(pair)[1] == pytest.approx(100 * (1 - 8 / 64))
    fake_flow.flow_cells = (-2, 0)
    assert evaluator.evaluate(pair)[1] == 100
    # Each evaluator segments a frame once.
    assert fake_segmentation.calls == 2 + 2


def test_features_and_agreement_are_written_together(tmp_path: Path) -> None:
    assert generate(tmp_path, FakeEvaluator()) == 6
    assert set(content(tmp_path)) == {"X.npy", "Y.npy", "features.json"}
    features, agreement = np.load(tmp_path / "X.npy"), np.load(tmp_path / "Y.npy")
    assert features.shape == (6, *SHAPE)
    assert features.dtype == agreement.dtype == np.float32
    assert features[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert agreement.tolist() == AGREEMENT
    assert len(read_feature_set(tmp_path).agreement) == 6


def test_clip_drops_pairs_whose_agreement_is_not_above_it(tmp_path: Path) -> None:
    assert generate(tmp_path, FakeEvaluator(), clip=0.6) == 4
    assert np.load(tmp_path / "Y.npy").tolist() == [92.5, 77.25, 99.0, 85.0]
    assert np.load(tmp_path / "X.npy")[:, 0, 0, 0].tolist() == [0, 2, 3, 5]


@pytest.mark.parametrize("clip", [0.0, 0.6])
def test_a_continued_run_gives_the_same_bytes(tmp_path: Path, clip: float) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    generate(whole, FakeEvaluator(), clip)
    with pytest.raises(KeyboardInterrupt):
        generate(parts, FakeEvaluator(interrupt_at=4), clip)
    assert not (parts / "X.npy").exists()
    evaluator = FakeEvaluator()
    generate(parts, evaluator, clip)
    assert evaluator.asked == [4, 5]
    assert content(parts) == content(whole)


def test_a_kill_between_feature_and_agreement_leaves_no_gap(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    generate(whole, FakeEvaluator())
    with pytest.raises(KeyboardInterrupt):
        generate(parts, FakeEvaluator(interrupt_at=3))
    with (parts / ".X.partial").open("ab") as features:
        features.write(b"\x01" * 5000)
    with (parts / ".Y.partial").open("ab") as agreement:
        agreement.write(b"\x01\x02")
    generate(parts, FakeEvaluator())
    assert content(parts) == content(whole)


def test_a_kill_while_the_partial_files_are_removed_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    unlink = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if ".partial" in path.name and any(".partial" in name for name in removed):
            raise KeyboardInterrupt
        removed.append(path.name)
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *args, **kwargs: killed(*args, **kwargs))
        with pytest.raises(KeyboardInterrupt):
            generate(tmp_path, FakeEvaluator())
    assert generate(tmp_path, FakeEvaluator()) == 6
    assert set(content(tmp_path)) == {"X.npy", "Y.npy", "features.json"}


def test_partial_files_of_other_settings_are_discarded(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, FakeEvaluator(interrupt_at=4))
    evaluator = FakeEvaluator()
    generate(tmp_path, evaluator, settings={**SETTINGS, "weights_sha256": "other"})
    assert evaluator.asked == [0, 1, 2, 3, 4, 5]
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, FakeEvaluator(interrupt_at=2))
    evaluator = FakeEvaluator()
    generate(tmp_path, evaluator, clip=0.5)
    assert evaluator.asked == [0, 1, 2, 3, 4, 5]


def test_an_older_result_stays_until_the_new_one_is_complete(tmp_path: Path) -> None:
    generate(tmp_path, FakeEvaluator())
    before = content(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        generate(tmp_path, FakeEvaluator(interrupt_at=2), settings={"weights_sha256": "other"})
    for name in before:
        assert (tmp_path / name).read_bytes() == before[name]


def test_a_feature_of_another_shape_is_refused(tmp_path: Path) -> None:
    def wrong() -> Iterator[tuple[np.ndarray, float]]:
        yield np.zeros(SHAPE, np.float32), 50.0
        yield np.zeros((4, 6, 384), np.float32), 50.0

    with (
        pytest.raises(BadInputError, match=r"feature \(4, 6, 384\).*\(4, 5, 384\)"),
        FeatureWriter(tmp_path, SETTINGS, 0) as writer,
    ):
        list(writer.add_all(wrong()))
    with FeatureWriter(tmp_path, SETTINGS, 0) as writer:
        assert writer.done == 1


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path, SETTINGS, 0), pytest.raises(MediaError, match="another run"):
        FeatureWriter(tmp_path, SETTINGS, 0).__enter__()
    assert generate(tmp_path, FakeEvaluator()) == 6


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="NO /dev/full: not Linux")
def test_a_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    with FeatureWriter(tmp_path, SETTINGS, 0) as writer:
        (tmp_path / ".X.partial").unlink()
        (tmp_path / ".X.partial").symlink_to("/dev/full")
        with pytest.raises(MediaError, match="No space left") as caught:
            list(generate_features(PAIRS, FakeEvaluator().evaluate, writer))
    assert "\n" not in str(caught.value)


def test_the_record_tells_the_settings_and_that_a_file_was_changed(tmp_path: Path) -> None:
    generate(tmp_path, FakeEvaluator(), clip=0.25)
    record = read_feature_set(tmp_path).record
    assert record is not None
    assert record.settings == {**SETTINGS, "clip": "0.25"}
    assert record.pairs == 6
    agreement = np.load(tmp_path / "Y.npy")
    np.save(tmp_path / "Y.npy", agreement[::-1])
    with pytest.raises(MediaError, match=r"Y\.npy' \(its checksum is wrong\)"):
        read_feature_set(tmp_path)
    np.save(tmp_path / "Y.npy", agreement)
    text = (tmp_path / "features.json").read_text()
    (tmp_path / "features.json").write_text(text.replace("0.25", "0.75"))
    with pytest.raises(MediaError, match="its checksum is wrong, so it was changed"):
        read_feature_set(tmp_path)
    (tmp_path / "features.json").unlink()
    assert read_feature_set(tmp_path).record is None


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_links_at_the_partial_files_are_not_followed(tmp_path: Path, link: str) -> None:
    (tmp_path / "kept").write_text("kept")
    out = tmp_path / "out"
    out.mkdir()
    for name in (".X.partial", ".Y.partial", ".settings.partial"):
        if link == "symbolic":
            (out / name).symlink_to(tmp_path / "kept")
        else:
            (out / name).hardlink_to(tmp_path / "kept")
    assert generate(out, FakeEvaluator()) == 6
    assert (tmp_path / "kept").read_text() == "kept"


def test_nothing_above_the_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="lower --clip"):
        generate(tmp_path, FakeEvaluator(), clip=0.995)
    assert not (tmp_path / "X.npy").exists()


@pytest.mark.parametrize("clip", [-0.1, 1.0, 80.0, float("nan")])
def test_a_clip_out_of_range_is_refused_before_anything_is_made(
    tmp_path: Path, clip: float
) -> None:
    with pytest.raises(BadInputError, match="--clip"):
        FeatureWriter(tmp_path / "new", SETTINGS, clip)
    assert not (tmp_path / "new").exists()
