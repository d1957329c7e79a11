"""The report page in Chromium: what it shows, that it plays and seeks, and that it asks nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

import vssn
from vssn.data.dataset import DatasetFrame
from vssn.evaluation.page import ReportPage
from vssn.evaluation.report import Report
from vssn.evaluation.runs import VideoRun
from vssn.evaluation.statistics import RunStatistics
from vssn.types import Box, FramePath, FrameResult, SceneObject, TimedFrame, UInt8Array

if TYPE_CHECKING:
    from evaluation.conftest import Browser
    from fake_networks import FakeDecision

    from vssn.runtime.load import Networks

FRAMES = 20
FPS = 10
ANSWERS = [90.0, 82.5, 70.0, 88.0] * FRAMES  # the third of four is below the target
HOSTILE = (
    "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\x1b[31m\u202e"
)


def street(car_left: int) -> np.ndarray:
    """Labels of a road below buildings and a car."""
    labels = np.full((120, 160), 1)
    labels[70:] = 3
    labels[60:100, car_left : car_left + 40] = 8
    return labels


@pytest.fixture
def config(weights_dir: Path) -> vssn.SegmenterConfig:
    return vssn.SegmenterConfig(
        target=75,
        segmenter=weights_dir / "segnet.h5",
        flownets=weights_dir / "flow",
        decision=weights_dir / "decision",
    )


@pytest.fixture
def clip(tmp_path: Path, paint: Callable[[np.ndarray], UInt8Array]) -> Path:
    path = tmp_path / "street.mkv"
    with vssn.VideoSink(path, vssn.VideoInfo(160, 120, FPS, None)) as sink:
        for number in range(FRAMES):
            sink.write(paint(street(4 * number)))
    return path


@pytest.fixture
def make_page(
    tmp_path: Path,
    clip: Path,
    config: vssn.SegmenterConfig,
    fake_networks: Networks,
    fake_decision: FakeDecision,
) -> Callable[..., Path]:
    """Annotates the clip and writes its page."""

    def make(output: str = "annotated.mp4", **options: object) -> Path:
        fake_decision.answers = list(ANSWERS)
        page = ReportPage(tmp_path / "report", config, **options)  # type: ignore[arg-type]
        run = vssn.annotate_video(clip, tmp_path / output, config, sinks=[page])
        return page.save(run)

    return make


def test_the_page_of_a_video_shows_the_run(
    make_page: Callable[..., Path], browser: Browser, config: vssn.SegmenterConfig
) -> None:
    browser.open(make_page(title="street.mkv"))
    assert browser.text("h1") == browser.driver.title == "street.mkv"
    tiles = browser.text("#tiles")
    assert "6 of 20 frames" in tiles  # the first, and every third of four that were asked for
    assert "end to end" in tiles
    strips = browser.js("[...document.querySelectorAll('.strip-title')].map((e) => e.textContent)")
    assert [title.split()[0] for title in strips] == [
        *("Segmented", "Predicted", "Frame", "Class", "Nearest")
    ]
    assert browser.count("#strips svg") == 6  # and the axis
    assert browser.count("#strips .layer") == len(vssn.CLASS_NAMES)
    assert browser.count("#legend tr") == len(vssn.CLASS_NAMES)
    assert browser.count("#settings tr") == len(fields(config))
    assert "75" in browser.text("#settings")
    assert browser.count("#weights tr") == 5
    assert len(browser.text("#weights td")) == 64
    for name in ("Processor", "Cores", "Python", "openvino", "opencv", "av"):
        assert name in browser.text("#machine")
    assert browser.js("document.getElementById('evaluation').hidden")
    assert not browser.js("document.getElementById('stages').tBodies[0].rows.length === 0")


def test_the_video_plays_and_the_timeline_follows(
    make_page: Callable[..., Path], browser: Browser
) -> None:
    browser.open(make_page())
    browser.wait("document.querySelector('video').readyState >= 2")
    assert browser.js("document.querySelector('video').videoWidth") == 160
    assert browser.text("#current-title") == "Frame 0"
    browser.click("video", 0.5)
    browser.wait("document.querySelector('video').currentTime > 0.5")
    browser.wait("Number(document.getElementById('timeline').getAttribute('aria-valuenow')) >= 5")


def test_a_click_on_the_timeline_seeks_the_video(
    make_page: Callable[..., Path], browser: Browser
) -> None:
    browser.open(make_page())
    browser.wait("document.querySelector('video').readyState >= 2")
    browser.click("#timeline", 0.75)
    time_s = browser.wait(
        "!document.querySelector('video').seeking && document.querySelector('video').currentTime"
    )
    # Three quarters of two seconds, with the scale's own margin on the left.
    assert 1.3 < time_s < 1.6
    assert browser.text("#current-title") == f"Frame {int(time_s * FPS)}"
    assert "car" in browser.text("#readout")


def test_the_timeline_is_used_by_keyboard_too(
    make_page: Callable[..., Path], browser: Browser
) -> None:
    browser.open(make_page())
    browser.wait("document.querySelector('video').readyState >= 2")
    browser.js("document.getElementById('timeline').focus()")
    seen = []
    for key in ("\ue014", "\ue014", "\ue012", "\ue010", "\ue00f", "\ue011"):
        browser.press(key)  # right, right, left, end, page down, home
        seen.append(browser.text("#current-title"))
    assert seen == [f"Frame {number}" for number in (1, 2, 1, 19, 17, 0)]
    browser.press(" ")
    browser.wait("!document.querySelector('video').paused")


def test_nothing_is_asked_for_and_nothing_is_wrong(
    make_page: Callable[..., Path], browser: Browser
) -> None:
    path = make_page()
    browser.open(path)
    browser.wait("document.querySelector('video').readyState >= 2")
    browser.click("video", 0.5)
    browser.wait("document.querySelector('video').currentTime > 0.2")
    browser.click("#timeline", 0.5)
    assert browser.requested() == []
    assert browser.complaints() == []
    policy = "document.querySelector('meta[http-equiv]').content"
    assert browser.js(policy).startswith("default-src 'none';")
    # The same page can't reach out even if told to.
    browser.js("void fetch('http://127.0.0.1:9/').catch(() => { window.refused = true; })")
    browser.wait("window.refused")
    assert "Content Security Policy" in browser.complaints()[0]


def test_text_of_files_is_shown_and_never_run(
    make_page: Callable[..., Path], browser: Browser
) -> None:
    browser.open(make_page(title=HOSTILE))
    assert browser.text("h1") == HOSTILE.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
    assert not browser.js("window.hacked")
    assert browser.count("h1 *") == 0
    assert browser.count("#strips svg") == 6
    assert browser.complaints() == []


def test_a_large_video_is_linked_and_plays(
    make_page: Callable[..., Path], browser: Browser
) -> None:
    path = make_page("a name with %20 & #.webm", embedded_bytes=0)
    assert path.stat().st_size < 200_000
    browser.open(path)
    assert browser.js("document.querySelector('video').getAttribute('src')").startswith("../a%20")
    browser.wait("document.querySelector('video').readyState >= 2")
    assert browser.complaints() == []


def test_a_video_that_browsers_do_not_play_is_named(
    make_page: Callable[..., Path], browser: Browser
) -> None:
    browser.open(make_page("annotated.avi"))
    assert browser.count("video") == 0
    assert "annotated.avi" in browser.text("#notes")
    browser.click("#timeline", 0.5)
    assert browser.text("#current-title") in ("Frame 9", "Frame 10")
    assert browser.complaints() == []


def test_what_was_lost_is_said(tmp_path: Path, browser: Browser) -> None:
    page = ReportPage(tmp_path)
    browser.open(page.save(VideoRun(RunStatistics(), truncated=True, lost_frames=3)))
    assert browser.count("#notes li") == 2
    assert "3 frames" in browser.text("#notes")
    assert browser.complaints() == []  # without any frame too


@pytest.mark.parametrize("width", [390, 820, 1400])
def test_nothing_is_wider_than_the_window(
    make_page: Callable[..., Path], browser: Browser, width: int
) -> None:
    browser.look(width=width)
    browser.open(make_page(title="a_long_name_" * 20))
    assert browser.js("document.documentElement.scrollWidth") <= width
    drawn = browser.js("document.querySelector('#strips svg').getBoundingClientRect().right")
    assert width * 0.8 < drawn <= width


def test_light_and_dark_follow_the_user(make_page: Callable[..., Path], browser: Browser) -> None:
    path = make_page()
    seen = {}
    for theme in ("light", "dark"):
        browser.look(theme=theme)
        browser.open(path)
        seen[theme] = [
            sum(map(int, browser.js(f"getComputedStyle(document.body).{what}")[4:-1].split(",")))
            for what in ("backgroundColor", "color")
        ]
    assert seen["light"][0] > 650 > 150 > seen["light"][1]
    assert seen["dark"][0] < 150 < 650 < seen["dark"][1]


def test_the_page_of_a_data_set_shows_its_evaluation(
    tmp_path: Path,
    paint: Callable[[np.ndarray], UInt8Array],
    browser: Browser,
    fake_networks: Networks,
    config: vssn.SegmenterConfig,
) -> None:
    frames = []
    for number in range(4):
        image, label = tmp_path / f"f_{number}.png", tmp_path / f"l_{number}.png"
        cv2.imwrite(str(image), paint(street(4 * number)))
        truth = street(4 * number + 4)
        truth[:10] = 11
        cv2.imwrite(str(label), truth.astype(np.uint8))
        frames.append(DatasetFrame(image.name, image, label))
    report, page = Report(tmp_path / "report", frames), ReportPage(tmp_path / "report", config)
    run = vssn.segment_dataset(frames, None, config, sinks=[report, page])
    report.save(run.evaluation)
    browser.open(page.save(run, report.pictures()))
    assert f"{run.evaluation.total.mean_iou():.4f}" in browser.text("#evaluation-summary")
    assert browser.count("#class-iou tr") == 11
    assert f"{run.evaluation.total.class_iou()[8]:.3f}" in browser.text("#class-iou")
    assert "never seen" in browser.text("#class-iou")
    assert browser.count("#confusion td") == 121
    assert browser.count("#distance-iou tr") == len(run.evaluation.by_key_distance)
    assert browser.js("document.querySelector('figure img').naturalWidth") > 500
    assert [
        (tmp_path / "report" / name).is_file()
        for name in browser.js(
            "[...document.querySelectorAll('figure a')].map((a) => a.getAttribute('href'))"
        )
    ] == [True, True]
    assert browser.count("video") == 0
    browser.click("#timeline", 0.4)
    assert browser.text("#current-title") == "Frame 1"
    assert browser.requested() == []
    assert browser.complaints() == []


def test_the_nearest_of_the_objects_given_is_shown(tmp_path: Path, browser: Browser) -> None:
    box = Box(0, 0, 1, 1)
    objects = (
        SceneObject(8, box, 1, 9.5, calibrated=True),
        SceneObject(9, box, 1, 4.24, calibrated=True),
        SceneObject(6, box, 1),
    )
    page = ReportPage(tmp_path)
    result = FrameResult(
        0, np.zeros((4, 4), np.uint8), FramePath.SEGMENT, None, 0, {"segment": 1.0}
    )
    page.write(
        TimedFrame(0, Fraction(0), np.zeros((4, 4, 3), np.uint8)), replace(result, objects=objects)
    )
    browser.open(page.save(VideoRun(RunStatistics())))
    assert "pedestrian, 4.2 m" in browser.text("#readout")
