"""Labels from class probabilities."""

from __future__ import annotations

import cv2
import numpy as np

from vssn.streaming.labelling import labels_from_probabilities


def test_the_best_class_wins_at_the_scores_own_size() -> None:
    truth = np.random.default_rng(0).integers(0, 11, (6, 9))
    probabilities = np.eye(11, dtype=np.float32)[truth] * 0.3 + 0.1
    labels = labels_from_probabilities(probabilities, (6, 9))
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, truth)


def test_scores_are_enlarged_and_not_labels() -> None:
    # A weak winner beside a strong one: the border moves towards the weak one.
    probabilities = np.zeros((1, 2, 11), np.float32)
    probabilities[0, 0, 3] = 1.0
    probabilities[0, 1, 7] = 0.25
    labels = labels_from_probabilities(probabilities, (1, 16))
    assert set(labels[0].tolist()) == {3, 7}
    assert (labels[0] == 3).sum() > 9


def test_no_class_comes_up_between_two_others() -> None:
    probabilities = np.zeros((4, 4, 11), np.float32)
    probabilities[:, :2, 2] = 1
    probabilities[:, 2:, 10] = 1
    assert set(np.unique(labels_from_probabilities(probabilities, (37, 51)))) == {2, 10}
    assert labels_from_probabilities(probabilities, (37, 51)).shape == (37, 51)


def test_the_winner_is_that_of_all_enlarged_scores_and_the_first_of_equals() -> None:
    rng = np.random.default_rng(1)
    smooth = cv2.GaussianBlur(rng.random((26, 38, 11), np.float32), (0, 0), 3)
    for probabilities in (rng.random((26, 38, 11), np.float32), smooth):
        for hw in ((26, 38), (45, 60), (13, 19), (200, 31), (360, 480)):
            large = cv2.resize(probabilities, hw[::-1], interpolation=cv2.INTER_LINEAR)
            labels = labels_from_probabilities(probabilities, hw)
            differs = labels != large.argmax(axis=-1)
            assert differs.mean() < 0.02
            # Where they differ it is a tie, but for positions rounded to 1/32.
            chosen = np.take_along_axis(large, labels[..., np.newaxis].astype(int), -1)[..., 0]
            assert (large.max(-1) - chosen)[differs].max(initial=0) < np.ptp(probabilities) / 16
    assert not labels_from_probabilities(np.ones((4, 4, 11), np.float32), (8, 8)).any()
