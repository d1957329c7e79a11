"""Replays hold what they say, and are the same each time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vssn.evaluation.frame_orders import FrameOrder, all_frame_orders, cuts, even, stop_and_go


def runs_of(steps: np.ndarray) -> list[tuple[int, int]]:
    """(value, length) of what stays the same."""
    return [(int(value), len(list(same))) for value, same in itertools.groupby(steps)]


def test_the_video_as_it_is() -> None:
    assert even(4) == FrameOrder("even", (0, 1, 2, 3))


@pytest.mark.parametrize("frames", [1, 5, 101, 400])
def test_replays_are_the_same_each_time_and_of_the_videos_frames(frames: int) -> None:
    frame_orders = all_frame_orders(frames)
    assert frame_orders == all_frame_orders(frames)
    assert [frame_order.name for frame_order in frame_orders] == ["even", "stop-and-go", "cuts"]
    assert all(0 <= number < frames for frame_order in frame_orders for number in frame_order.order)


def test_camvids_replays_stay_those_that_were_reported() -> None:
    _, stopping, cut = all_frame_orders(101)
    assert (len(stopping.order), stopping.order[33:36], stopping.order[-1]) == (143, (66,) * 3, 99)
    assert (len(cut.order), cut.order[:2], cut.order[-1]) == (101, (66, 67), 65)


def test_stop_and_go_plays_twice_at_every_speed_for_six_frames_or_more() -> None:
    steps = np.diff(stop_and_go(2000).order)
    assert np.count_nonzero(steps < 0) == 1
    first, second = np.split(steps, np.flatnonzero(steps < 0))
    for speeds in (first, second[1:]):
        assert set(speeds.tolist()) == {0, 1, 2, 3}
        # The last stretch of a pass is cut short where the video ends.
        assert all(length >= 6 for _, length in runs_of(speeds)[:-1])
    shares = np.bincount(np.concatenate([first, second[1:]])) / (len(steps) - 1)
    np.testing.assert_allclose(shares, [0.4, 0.3, 0.2, 0.1], atol=0.12)


def test_stop_and_go_plays_as_often_as_it_is_told() -> None:
    assert stop_and_go(101, passes=3).order.count(0) >= 3
    assert min(np.diff(stop_and_go(101, passes=1).order)) == 0


def test_cuts_are_pieces_of_the_whole_video_out_of_order() -> None:
    order = cuts(500).order
    assert sorted(order) == list(range(500))
    starts = [0, *(np.flatnonzero(np.diff(order) != 1) + 1), len(order)]
    lengths = [end - start for start, end in itertools.pairwise(starts)]
    # By chance two pieces may follow each other as before; the video's end may be short.
    assert sum(5 <= length <= 19 for length in lengths) >= len(lengths) - 3
    assert len(lengths) > 25
