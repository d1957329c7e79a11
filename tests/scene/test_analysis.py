"""Objects, distances and tracks of rendered scenes with known geometry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rendered import Car, render, result

from vssn.scene.analysis import SceneAnalyser
from vssn.scene.camera import Camera
from vssn.types import VideoInfo

INFO = VideoInfo(1280, 720, 25.0, None)
TRUE = Camera(1150.0, 1.3, (640.0, 360.0), 2.0, size_wh=(1280, 720))


@pytest.mark.parametrize("pitch_deg", [-1.0, 0.0, 2.0])
@pytest.mark.parametrize("known_pitch", [True, False])
@pytest.mark.parametrize("right_m", [0.0, 2.5, -3.0])
def test_distances_are_right_to_a_tenth_up_to_40_m(
    pitch_deg: float, known_pitch: bool, right_m: float
) -> None:
    true = replace(TRUE, pitch_deg=pitch_deg)
    analyser = SceneAnalyser(INFO, true if known_pitch else replace(true, pitch_deg=None))
    for index, ahead_m in enumerate((8.0, 12.0, 20.0, 30.0, 40.0)):
        labels = render(true, [Car(ahead_m, right_m)])
        # A second apart: nothing is left of the distance before.
        found = analyser.analyse(result(labels, index, time_s=index * 10.0)).objects
        assert len(found) == 1
        truth_m = (ahead_m**2 + right_m**2) ** 0.5
        assert found[0].distance_m == pytest.approx(truth_m, rel=0.1)
        assert found[0].calibrated


def test_a_guess_is_marked_and_the_horizon_told() -> None:
    seen = SceneAnalyser(INFO).analyse(result(render(TRUE, [Car(10.0)])))
    assert not seen.objects[0].calibrated
    assert seen.horizon_px == pytest.approx(TRUE.horizon_px, abs=4)


def test_objects_keep_their_numbers_and_new_ones_get_the_next() -> None:
    analyser = SceneAnalyser(INFO, TRUE)
    tracks = []
    for index in range(12):
        cars = [Car(14.0 + 0.1 * index, -2.5)] + [Car(20.0, 2.5)] * (index >= 6)
        seen = analyser.analyse(result(render(TRUE, cars), index))
        tracks.append({found.box.left < 640: found.track for found in seen.objects})
    assert tracks[0] == {True: None}
    assert [each[True] for each in tracks[1:]] == [1] * 11
    assert [each[False] for each in tracks[7:]] == [2] * 5


def test_a_car_keeps_its_number_behind_a_short_gap_and_loses_it_with_reset() -> None:
    analyser = SceneAnalyser(INFO, TRUE)
    tracks = []
    for index in range(10):
        cars = [] if index in (5, 6) else [Car(14.0)]
        seen = analyser.analyse(result(render(TRUE, cars), index))
        tracks += [found.track for found in seen.objects]
    assert tracks == [None, *[1] * 7]
    analyser.reset()
    assert analyser.analyse(result(render(TRUE, [Car(14.0)]))).objects[0].track is None


def test_distances_of_a_track_are_smoothed() -> None:
    analyser = SceneAnalyser(INFO, TRUE)
    distances = []
    for index in range(30):
        # The foot flickers by some pixels, as a segmentation's edge does.
        labels = render(TRUE, [Car(20.0 + (index % 2))])
        distances.append(analyser.analyse(result(labels, index)).objects[0].distance_m)
    assert max(distances[15:]) - min(distances[15:]) < 0.3
    assert 20.0 < distances[-1] < 21.0


def test_without_tracking_nothing_is_remembered() -> None:
    analyser = SceneAnalyser(INFO, TRUE, track=False)
    for index in range(3):
        seen = analyser.analyse(result(render(TRUE, [Car(14.0)]), index))
        assert seen.objects[0].track is None
