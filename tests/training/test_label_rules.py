"""Sources of labelled stills: their rules and their shares."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.errors import BadInputError, MediaError
from vssn.training.mixture import Mixture, label_weights
from vssn.training.sources import (
    ANY_OF,
    NUM_TRAINING_LABELS,
    Source,
    SourceRules,
    allowed_classes,
    read_source,
)


def make_source(
    folder: Path, label: int = 7, count: int = 2, splits: tuple[str, ...] = ("train",)
) -> Path:
    for split in splits:
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True)
        for number in range(count):
            cv2.imwrite(str(folder / split / f"{number}.png"), np.zeros((8, 12, 3), np.uint8))
            labels = np.full((8, 12), label, np.uint8)
            labels[:4] = 11
            cv2.imwrite(str(folder / f"{split}annot" / f"{number}.png"), labels)
    return folder


def test_every_training_label_allows_what_it_stands_for() -> None:
    table = allowed_classes()
    assert table.shape == (NUM_TRAINING_LABELS, 12)
    assert np.array_equal(table[:11, :11], np.eye(11))
    assert not table[11].any()
    assert (table[12:].sum(1) == 2).all()
    assert not table[:, 11].any()
    assert len(set(ANY_OF)) == NUM_TRAINING_LABELS - 12


def test_rules_say_what_labels_mean() -> None:
    rules = SourceRules({7: ("fence", "building"), 4: (), 2: ("tree",)})
    table = rules.table()
    assert (table[4], table[2], table[0], table[11]) == (11, 5, 0, 11)
    assert np.flatnonzero(allowed_classes()[table[7]]).tolist() == [1, 7]


def test_labels_are_read_by_the_rules_of_their_source(tmp_path: Path) -> None:
    city = make_source(tmp_path / "cityscapes")
    (city / "source.json").write_text('{"7": ["fence", "building"]}')
    source = read_source(city, 3)
    assert (source.name, source.share, len(source.train), source.val) == ("cityscapes", 3, 2, [])
    label = Mixture([source]).load((0, 0))[1]
    assert np.flatnonzero(allowed_classes()[label[6, 0]]).tolist() == [1, 7]
    assert label[0, 0] == 11
    plain = read_source(make_source(tmp_path / "town", splits=("train", "val")))
    assert Mixture([plain]).load((0, 0))[1][6, 0] == 7
    assert len(plain.val) == 2


def test_source_json_says_what_labels_mean(tmp_path: Path) -> None:
    folder = make_source(tmp_path / "cityscapes")
    (folder / "source.json").write_text('{"7": "fence", "3": ["road", "pavement"], "5": "void"}')
    assert read_source(folder).rules == SourceRules({7: ("fence",), 3: ("road", "pavement"), 5: ()})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[1]", "source.json"),
        ('{"12": "fence"}', "'12' is no label value"),
        ('{"7": "wall"}', "'wall' is no class"),
        ('{"7": ["fence", "road", "sky"]}', "neither one class name nor two"),
        ('{"7": 3}', "neither one class name nor two"),
    ],
)
def test_wrong_rules_are_refused(text: str, said: str, tmp_path: Path) -> None:
    folder = make_source(tmp_path / "town")
    (folder / "source.json").write_text(text)
    with pytest.raises(BadInputError, match=r"source\.json") as caught:
        read_source(folder)
    assert said in str(caught.value)


def test_a_folder_without_stills_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="without images"):
        read_source(tmp_path)


def test_stills_without_labels_are_a_source_where_there_are_teachers(tmp_path: Path) -> None:
    folder = make_source(tmp_path / "drive")
    shutil.rmtree(folder / "trainannot")
    # Void means a class to these rules, but there is no label that they could be about.
    (folder / "source.json").write_text('{"11": "road"}')
    with pytest.raises(MediaError, match=r"drive' without trainannot/.*teachers"):
        read_source(folder)
    mixture = Mixture([read_source(folder, 2, taught=True)])
    image, label = mixture.load((0, 1))
    assert image.shape == (8, 12, 3)
    assert (label == 11).all()
    with pytest.raises(MediaError, match="without images"):
        read_source(tmp_path, taught=True)


def test_a_label_that_is_missing_is_no_still_without_labels(tmp_path: Path) -> None:
    folder = make_source(tmp_path / "town")
    (folder / "trainannot" / "1.png").unlink()
    with pytest.raises(MediaError, match="add the label"):
        read_source(folder, taught=True)


def test_stills_without_labels_leave_the_weights_of_classes_alone(tmp_path: Path) -> None:
    labelled = Source("a", 1, read_source(make_source(tmp_path / "a", label=8)).train, [])
    folder = make_source(tmp_path / "b")
    shutil.rmtree(folder / "trainannot")
    unlabelled = read_source(folder, 3, taught=True)
    alone, beside = (
        Mixture(each).label_weights(0.5) for each in ([labelled], [labelled, unlabelled])
    )
    np.testing.assert_allclose(beside, alone, rtol=1e-6)
    # Nothing is labelled: the classes weigh alike, and the weights are numbers.
    weights = Mixture([unlabelled]).label_weights(0.5)
    assert weights[:11] == pytest.approx(1)
    assert weights[11] == 0


def test_batches_hold_the_sources_by_their_shares(tmp_path: Path) -> None:
    stills = read_source(make_source(tmp_path / "a", count=5)).train
    mixture = Mixture([Source("a", 2, stills, []), Source("b", 1, stills[:1], [])])
    assert mixture.size == 6
    rng = np.random.default_rng(0)
    counts = [sum(source == 0 for source, _ in mixture.draw(rng, 4)) for _ in range(600)]
    assert set(counts) == {2, 3}  # 8/3 of four
    assert np.mean(counts) == pytest.approx(8 / 3, abs=0.05)
    places = [place for _ in range(100) for place in mixture.draw(rng, 3)]
    assert set(places) == {(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0)}


def test_rare_classes_weigh_more_and_void_nothing(tmp_path: Path) -> None:
    frequency = np.zeros(11)
    frequency[[0, 8]] = 0.98, 0.02
    weights = label_weights(frequency, 0.5)
    assert weights.shape == (NUM_TRAINING_LABELS,)
    assert weights[11] == 0
    assert weights[8] / weights[0] == pytest.approx(7)  # of 49 to 1
    assert weights[0] * 0.98 + weights[8] * 0.02 == pytest.approx(1)
    either = NUM_TRAINING_LABELS - len(ANY_OF) + ANY_OF.index((0, 8))
    assert weights[either] == pytest.approx((weights[0] + weights[8]) / 2)


def test_frequencies_follow_the_shares_not_the_numbers_of_stills(tmp_path: Path) -> None:
    many = read_source(make_source(tmp_path / "many", label=0, count=5)).train
    few = read_source(make_source(tmp_path / "few", label=8, count=1)).train
    weights = Mixture([Source("a", 1, many, []), Source("b", 1, few, [])]).label_weights(0.5)
    assert weights[0] == pytest.approx(weights[8])
