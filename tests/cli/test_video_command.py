"""``vssn video`` over fake networks: its video, its figures, interruption, and bad input."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from unmeasured import unmeasured

import vssn
from vssn.cli.main import main
from vssn.labels import PALETTE_RGB
from vssn.media.images import read_image_bgr, read_label, write_image
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import UInt8Array, VideoInfo

if TYPE_CHECKING:
    from fake_networks import FakeSegmentation

Refuses = Callable[..., str]
Paint = Callable[[np.ndarray], UInt8Array]
SUMMARY_KEYS = {
    *("frames", "segmentation_steps", "flow_steps", "fps_model", "fps_end_to_end", "latency_ms"),
    *("flow", "propagate", "runtime", "weights", "truncated", "lost_frames", "budget_target"),
}
ROAD, CAR = 3, 8
SIZE_WH = (161, 121)  # odd on purpose
FPS = 12.5


@pytest.fixture
def video(tmp_path: Path, paint: Paint) -> Path:
    """Eight frames of a road with a car."""
    path = tmp_path / "street.avi"
    labels = np.full(SIZE_WH[::-1], ROAD)
    labels[40:90, 60:120] = CAR
    with VideoSink(path, VideoInfo(*SIZE_WH, FPS, None)) as sink:
        for _ in range(8):
            sink.write(paint(labels))
    return path


@pytest.fixture
def argv(video: Path, tmp_path: Path, weight_flags: list[str]) -> list[str]:
    """A command that works, once there are networks."""
    return [
        "video",
        *("--video_file", str(video), "--save_dir", str(tmp_path / "out")),
        *("--summary", str(tmp_path / "summary.json")),
        *weight_flags,
    ]


def read(path: Path) -> tuple[VideoInfo, list[UInt8Array]]:
    with VideoSource(path) as source:
        return source.info, list(source)


@pytest.mark.usefixtures("fake_networks")
def test_the_video_has_the_sources_size_rate_and_frames(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "--target", "100"]) == 0
    output = tmp_path / "out/output-video-original.avi"
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    info, frames = read(output)
    assert (info.width_px, info.height_px) == SIZE_WH
    assert info.fps == pytest.approx(FPS)
    assert len(frames) == 8
    with av.open(str(output)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
    out = capsys.readouterr().out
    assert f"{output}: 8 frames" in out.splitlines()
    assert "Segmentation steps: 8" in out.splitlines()


@pytest.mark.usefixtures("fake_networks")
def test_the_summary_has_the_promised_keys(argv: list[str], tmp_path: Path) -> None:
    main([*argv, "--target", "0"])
    summary = json.loads((tmp_path / "summary.json").read_text())
    # A preset is told beside what was promised.
    assert set(summary) - {"preset"} == SUMMARY_KEYS
    assert (summary["frames"], summary["segmentation_steps"], summary["flow_steps"]) == (8, 1, 7)
    assert set(summary["latency_ms"]) == {"p50", "p95", "p99", "max"}
    assert (summary["flow"], summary["propagate"]) == ("flownets", "key")


@pytest.mark.usefixtures("fake_networks")
def test_the_summary_tells_of_dis_and_hashes_no_flow_network(
    argv: list[str], tmp_path: Path
) -> None:
    dis = [*argv[: argv.index("--dvs_flownet_chkpt")], "--flow", "dis"]
    assert main([*dis, "--target", "0"]) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["flow"], summary["propagate"]) == ("dis", "chain")
    assert [Path(path).name for path in summary["weights"]] == ["segnet.h5"]


@pytest.mark.usefixtures("fake_networks")
def test_objects_are_drawn_on_the_frames(argv: list[str], tmp_path: Path, video: Path) -> None:
    main(argv)
    _, drawn = read(tmp_path / "out/output-video-original.avi")
    _, plain = read(video)
    difference = np.abs(drawn[3].astype(int) - plain[3]).max(-1)
    # The box around the car, and nothing on the road far below it.
    assert (difference[60:70, 55:65] > 60).any()
    assert (difference[110:] < 40).all()


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("false", ["False", "false"])
def test_or_on_their_masks(argv: list[str], tmp_path: Path, false: str) -> None:
    main([*argv, "--process_original", false])
    _, frames = read(tmp_path / "out/output-video-segmented.avi")
    assert len(frames) == 8
    for (y, x), label in {(115, 10): ROAD, (75, 100): CAR}.items():
        colour = PALETTE_RGB[label].astype(int)
        assert np.abs(frames[2][y, x, ::-1].astype(int) - colour).max() < 12
    assert not (tmp_path / "out/output-video-original.avi").exists()


@pytest.mark.usefixtures("fake_networks")
def test_none_writes_nothing_but_the_figures(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*.avi"))
    assert main([*argv, "--save_dir", "none"]) == 0
    assert sorted(tmp_path.rglob("*.avi")) == before
    assert "Segmentation steps" in capsys.readouterr().out


@pytest.mark.usefixtures("fake_networks")
def test_an_error_while_drawing_ends_the_run_and_keeps_the_frames_before(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def fail(self: object, frame_bgr: UInt8Array, result: object) -> UInt8Array:
        drawn.append(1)
        if len(drawn) == 4:
            raise RuntimeError("no ink")
        return frame_bgr

    monkeypatch.setattr("vssn.scene.annotators.Annotator.annotate", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        main(argv)
    _, frames = read(tmp_path / "out/output-video-original.avi")
    assert len(frames) == 3


def test_a_view_and_a_focal_length_at_once_are_refused(argv: list[str], refuses: Refuses) -> None:
    both = ["--focal_px", "800", "--fov_deg", "60", "--decision_chkpt", "none"]
    refuses([*argv, *both], "--fov_deg")


@pytest.mark.usefixtures("fake_networks")
def test_distances_come_from_the_camera_that_is_described(argv: list[str], tmp_path: Path) -> None:
    camera = ["--focal_px", "80", "--camera_height_m", "1.5", "--camera_pitch_deg", "2"]
    records = tmp_path / "records.jsonl"
    assert main([*argv, *camera, "--records", str(records)]) == 0
    rows = [json.loads(line) for line in records.read_text().splitlines()]
    assert len(rows) == 8
    (car,) = rows[3]["objects"]
    # Its foot is 29 or 30 px below the middle: 1.5 m / tan(2 degrees + atan(29.5 / 80)) ahead.
    ahead_m = 1.5 / math.tan(math.radians(2) + math.atan(29.5 / 80))
    assert car["distance_m"] == pytest.approx(ahead_m, rel=0.1)
    assert (car["class"], car["calibrated"]) == ("car", True)


@pytest.mark.usefixtures("fake_networks")
def test_a_source_cut_short_still_gives_a_whole_video(
    argv: list[str], tmp_path: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 5 // 8])
    assert main(argv) == 2
    _, frames = read(tmp_path / "out/output-video-original.avi")
    assert 3 <= len(frames) < 8
    assert f": {len(frames)} frames" in capsys.readouterr().out


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_keeps_a_playable_video_with_the_frames_so_far(
    argv: list[str],
    tmp_path: Path,
    fake_segmentation: FakeSegmentation,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
) -> None:
    def fail() -> None:
        if fake_segmentation.calls == 3:
            raise error

    fake_segmentation.before_each = fail
    command = [*argv, "--target", "100"]
    if error is KeyboardInterrupt:
        assert main(command) == 130
    else:
        with pytest.raises(RuntimeError):
            main(command)
    output = tmp_path / "out/output-video-original.avi"
    assert len(read(output)[1]) == 3
    assert f"the first 3 frames are in '{output}'" in caplog.messages
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.usefixtures("fake_networks")
def test_an_older_video_stays_when_not_one_frame_was_made(
    argv: list[str], tmp_path: Path, fake_segmentation: FakeSegmentation
) -> None:
    main(argv)
    output = tmp_path / "out/output-video-original.avi"
    before = output.read_bytes()

    def interrupt() -> None:
        raise KeyboardInterrupt

    fake_segmentation.before_each = interrupt
    assert main(argv) == 130
    assert output.read_bytes() == before
    assert len(list(output.parent.iterdir())) == 1


SLOW_RUN = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
sys.path.insert(0, {tests!r})
from fake_networks import FakeDecision, FakeFlow, FakeSegmentation
from vssn.cli.main import main
from vssn.runtime import load

slow = FakeSegmentation()
def wait():
    if slow.calls == 4:
        print("four frames", flush=True)
    time.sleep(0.05)
slow.before_each = wait
networks = load.Networks(slow, FakeFlow(), FakeDecision(), "fake")
load.load_networks = lambda *_, **__: networks
sys.exit(main({argv!r}))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_a_playable_video(
    argv: list[str], tmp_path: Path, repo_root: Path, paint: Paint, number: signal.Signals
) -> None:
    with VideoSink(tmp_path / "long.avi", VideoInfo(64, 48, 25, None)) as sink:
        for _ in range(400):
            sink.write(paint(np.full((48, 64), ROAD)))
    command = [*argv, "--video_file", str(tmp_path / "long.avi"), "--target", "100"]
    code = SLOW_RUN.format(tests=str(repo_root / "tests"), argv=command)
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=repo_root,
        env=unmeasured(),
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "four frames\n"
            process.send_signal(number)
            _, error = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert error.splitlines()[-1] == "interrupted"
    assert "Traceback" not in error
    output = tmp_path / "out/output-video-original.avi"
    frames = len(read(output)[1])
    assert 3 <= frames < 400
    assert f"the first {frames} frames are in '{output}'" in error
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def become_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


BAD_VIDEOS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda p: p.unlink(), "no such file"),
    "empty": (lambda p: p.write_bytes(b""), "an empty file"),
    "text": (lambda p: p.write_text("no video\n" * 99), "damaged or no video"),
    "random": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(9000)), "damaged"),
    "header only": (lambda p: p.write_bytes(p.read_bytes()[:200]), "street.avi"),
    "directory": (become_directory, "directory"),
}


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("name", BAD_VIDEOS)
def test_a_bad_video_is_refused(
    argv: list[str], refuses: Refuses, tmp_path: Path, video: Path, name: str
) -> None:
    spoil, word = BAD_VIDEOS[name]
    spoil(video)
    refuses(argv, "street.avi", word)
    assert not (tmp_path / "out").exists()


BAD_FLAGS = {
    "process_original": (["--process_original", "maybe"], "neither True nor False"),
    "target": (["--target", "nan"], "target"),
    "segnet": (["--segnet_chkpt", "no.h5"], "no.h5"),
    "flownets": (["--dvs_flownet_chkpt", "no.ckpt"], "no.ckpt"),
    "decision": (["--decision_chkpt", "no.ckpt"], "no.ckpt"),
    "abbreviation of nothing": (["--speed", "9"], "--speed"),
}


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("name", BAD_FLAGS)
def test_a_bad_flag_is_refused(
    argv: list[str], refuses: Refuses, tmp_path: Path, name: str
) -> None:
    flags, word = BAD_FLAGS[name]
    refuses([*argv, *flags], word)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("fake_networks")
def test_a_directory_that_can_not_be_written_is_refused(
    argv: list[str], refuses: Refuses, video: Path, fake_segmentation: FakeSegmentation
) -> None:
    refuses([*argv, "--save_dir", video / "below"], "output directory", "street.avi")
    refuses([*argv, "--summary", video / "s.json"], "output directory")
    assert fake_segmentation.calls == 0


@pytest.mark.usefixtures("fake_networks")
def test_the_demo_annotates_its_clip_with_the_figures_beside_it(
    video: Path, tmp_path: Path, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vssn.cli import demo
    from vssn.runtime.load import WeightPaths

    paths = WeightPaths(weights_dir / "segnet.h5", weights_dir / "flow", weights_dir / "decision")
    monkeypatch.setattr(WeightPaths, "locate", lambda *_: paths)
    monkeypatch.setattr(demo, "demo_clip", lambda: video)
    monkeypatch.setattr(demo, "camera_file", lambda name: tmp_path / "camera.json")
    vssn.Camera(80, 1.4, (80.5, 60.5), size_wh=SIZE_WH).to_json(tmp_path / "camera.json")
    assert main(["demo", "--save_dir", str(tmp_path / "demo")]) == 0
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        *("demo.mp4", "preview.jpg", "report.html", "summary.json"),
    }


def test_the_demo_names_the_package_that_is_missing(
    refuses: Refuses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr("vssn.data.demo.DEMO_PACKAGE", "no-such-package")
    monkeypatch.chdir(tmp_path)
    refuses(["demo"], "demo clip", "pip install")


@pytest.fixture
def several(tmp_path: Path, video: Path, weight_flags: list[str]) -> tuple[list[str], Path]:
    """A command over two videos of one name and another one, and the folder of its results."""
    sources = []
    for name in ("a/drive.avi", "b/drive.avi", "b/turn.avi"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(video.read_bytes())
        sources.append(str(path))
    out = tmp_path / "out"
    return ["video", *sources, "--save_dir", str(out), *weight_flags], out


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("fake_networks")
def test_each_source_has_its_own_result(several: tuple[list[str], Path]) -> None:
    argv, out = several
    assert main(argv) == 0
    assert names_in(out) == {"a-drive.mp4", "b-drive.mp4", "turn.mp4"}
    assert len(read(out / "turn.mp4")[1]) == 8


@pytest.mark.usefixtures("fake_networks")
def test_resume_leaves_out_what_is_done(
    several: tuple[list[str], Path], fake_segmentation: FakeSegmentation
) -> None:
    argv, out = several
    main(argv)
    (out / "turn.mp4").unlink()
    before = fake_segmentation.calls
    assert main([*argv, "--resume", "--target", "100"]) == 0
    assert fake_segmentation.calls == before + 8
    assert names_in(out) == {"a-drive.mp4", "b-drive.mp4", "turn.mp4"}


@pytest.mark.usefixtures("fake_networks")
def test_a_bad_source_does_not_keep_the_others_from_their_results(
    several: tuple[list[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    argv, out = several
    Path(argv[1]).write_text("no video")
    summary = tmp_path / "summary.json"
    assert main([*argv, "--summary", str(summary)]) == 2
    assert names_in(out) == {"b-drive.mp4", "turn.mp4"}
    rows = json.loads(summary.read_text())["videos"]
    assert "damaged or no video" in rows[0]["error"]
    assert [row.get("frames") for row in rows] == [None, 8, 8]
    assert sum("error" in message for message in caplog.messages) == 1


@pytest.mark.usefixtures("fake_networks")
def test_images_that_the_shell_names_are_one_source(
    several: tuple[list[str], Path], tmp_path: Path, paint: Paint
) -> None:
    argv, out = several
    folder, alone = tmp_path / "frames", tmp_path / "alone"
    folder.mkdir()
    alone.mkdir()
    for number in (1, 10, 2):
        write_image(folder / f"{number}.png", paint(np.full((48, 64), number)))
    write_image(alone / "street.png", paint(np.full((48, 64), 3)))
    shell = [str(path) for path in sorted(folder.iterdir())]
    assert main([argv[0], *shell, argv[3], str(alone / "street.png"), *argv[4:]]) == 0
    assert names_in(out) == {"frames.mp4", "turn.mp4", "street.mp4"}
    assert len(read(out / "frames.mp4")[1]) == 3
    assert len(read(out / "street.mp4")[1]) == 1


@pytest.mark.usefixtures("fake_networks")
def test_masks_and_coco_annotations_are_written(
    argv: list[str], several: tuple[list[str], Path], tmp_path: Path
) -> None:
    masks, records = tmp_path / "masks", tmp_path / "objects.json"
    kind = ["--mask_kind", "cityscapes"]
    assert main([*argv, "--masks", str(masks), *kind, "--records", str(records)]) == 0
    assert len(names_in(masks)) == 8
    shown = read_image_bgr(masks / "mask0.png")
    assert shown.shape[:2] == SIZE_WH[::-1]
    assert set(np.unique(shown)) <= {0, 7, 8, 11, 13, 17, 20, 21, 23, 24, 26, 33}
    assert len(json.loads(records.read_text())["images"]) == 8
    assert main([*several[0], "--masks", str(tmp_path / "many")]) == 0
    assert names_in(tmp_path / "many") == {"a-drive", "b-drive", "turn"}
    assert read_label(tmp_path / "many" / "turn" / "mask7.png").shape == SIZE_WH[::-1]


@pytest.mark.usefixtures("fake_networks")
def test_raw_frames_of_a_stated_size_are_annotated(
    tmp_path: Path, weight_flags: list[str], paint: Paint
) -> None:
    frames = b"".join(paint(np.full((48, 64), number)).tobytes() for number in range(5))
    (tmp_path / "v.raw").write_bytes(frames)
    argv = ["video", str(tmp_path / "v.raw"), "--save_dir", str(tmp_path), *weight_flags]
    assert main([*argv, "--raw_size", "64x48", "--image_fps", "10"]) == 0
    info, read_back = read(tmp_path / "v.mp4")
    assert (info.width_px, info.height_px, info.fps, len(read_back)) == (64, 48, 10, 5)


@pytest.mark.parametrize("size", ["64", "0x48", "64x48x3", "-1x4", "x"])
def test_what_is_no_size_is_refused(refuses: Refuses, size: str) -> None:
    refuses(["video", "v.raw", f"--raw_size={size}"], "no size such as 640x360")


@pytest.mark.usefixtures("fake_networks")
def test_a_part_of_a_source_is_taken(video: Path, tmp_path: Path, weight_flags: list[str]) -> None:
    span = ["--start", "0.16", "--end", "0.48", "--stride", "2"]  # frames 2 to 5 of 12.5 a second
    output = tmp_path / "part.mkv"
    assert main(["video", str(video), "--output", str(output), *span, *weight_flags]) == 0
    assert len(read(output)[1]) == 2


def test_a_result_in_a_sources_place_is_refused(
    video: Path, tmp_path: Path, refuses: Refuses
) -> None:
    source = video.rename(tmp_path / "drive.mp4")
    before = source.read_bytes()
    refuses(["video", str(source), "--save_dir", str(tmp_path)], "where the source")
    refuses(["video", "other.mov", str(source), "--save_dir", str(tmp_path)], "where the source")
    refuses(["video", str(source), "--output", str(source)], "where the source")
    assert source.read_bytes() == before


def test_one_output_for_several_sources_is_refused(refuses: Refuses) -> None:
    refuses(["video", "a.mp4", "b.mp4", "--output", "c.mp4"], "--output c.mp4 for 2 sources")


def test_without_a_display_show_is_refused_in_one_line(
    video: Path, weight_flags: list[str], refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    refuses(["video", str(video), "--show", *weight_flags], "a window: expected a display")


@pytest.mark.usefixtures("fake_networks")
def test_without_any_source_the_originals_source_has_its_look(
    video: Path, tmp_path: Path, weight_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    video.rename(tmp_path / "01TP_extract.avi")
    assert main(["video", *weight_flags]) == 0
    _, drawn = read(tmp_path / "video-output/output-video-original.avi")
    _, plain = read(tmp_path / "01TP_extract.avi")
    # The frame itself far from the car's box, not an overlay of the road's colour.
    assert np.abs(drawn[3][110:].astype(int) - plain[3][110:]).max() < 15
