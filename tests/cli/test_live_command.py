"""``vssn live`` over fake networks: its figures, its files, signals, and bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from unmeasured import unmeasured

from vssn.cli.main import main
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import UInt8Array, VideoInfo

if TYPE_CHECKING:
    from vssn.runtime.load import Networks

Refuses = Callable[..., str]
Paint = Callable[[np.ndarray], UInt8Array]
FRAMES = 20
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(tmp_path: Path, paint: Paint) -> Path:
    path = tmp_path / "street.avi"
    with VideoSink(path, VideoInfo(64, 48, 50, None)) as sink:
        for _ in range(FRAMES):
            sink.write(paint(np.full((48, 64), 3)))
    return path


@pytest.fixture
def argv(clip: Path, weights_dir: Path) -> list[str]:
    return ["live", str(clip), "--segnet_chkpt", str(weights_dir / "segnet.h5")]


@pytest.mark.usefixtures("fake_networks")
def test_figures_are_printed_and_written(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    assert (
        main(
            [
                *(*argv, "--max_latency_ms", "5000", "--save_dir", str(folder)),
                *("--records", str(folder / "run.jsonl"), "--report", str(folder)),
                *("--summary", str(folder / "summary.json")),
            ]
        )
        == 0
    )
    out = capsys.readouterr().out
    assert f"Frames: {FRAMES} in" in out
    assert "0 dropped, 0 later than 5000 ms" in out
    assert "Latency in ms: p50" in out
    assert "####" in out
    with VideoSource(folder / "street.mp4") as source:
        assert sum(1 for _ in source) == FRAMES
    rows = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
    assert [row["frame"] for row in rows] == list(range(FRAMES))
    assert all(0 < row["latency_ms"] < 5000 for row in rows)
    assert [row["dropped_before"] for row in rows] == [0] * FRAMES
    assert rows[0]["key_age_ms"] == 0
    summary = json.loads((folder / "summary.json").read_text())
    report = json.loads((folder / "live.json").read_text())
    assert summary["latency_ms"] == report["latency_ms"]
    assert sum(report["latency_histogram"]["frames"]) == FRAMES
    assert (folder / "latency.png").stat().st_size > 1000


@pytest.mark.usefixtures("fake_networks")
def test_nothing_is_written_unasked(argv: list[str], tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    assert main([*argv, "--pace", "False", "--max_frames", "5", "--quiet"]) == 0
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--max_latency_ms", "0"], ["--max_latency_ms", "from 0.001 to"]),
        (["--max_latency_ms", "1e9"], ["--max_latency_ms", "1e9", "to 3600000"]),
        (["--target", "101"], ["--target"]),
        (["--schedule", "sometimes"], ["--schedule sometimes"]),
        (["--output", "street.txt"], ["street.txt", ".mp4"]),
        (["--records", "run.xml"], ["--records run.xml", ".jsonl"]),
        (["--regions", "2x2"], ["--regions"]),
        (["--pace", "maybe"], ["neither True nor False"]),
    ],
)
def test_wrong_arguments_are_told_in_a_line(
    argv: list[str],
    fake_networks: Networks,
    refuses: Refuses,
    flags: list[str],
    words: list[str],
) -> None:
    refuses([*argv, "--quiet", *flags], *words)


def test_a_source_that_is_not_there_is_told_before_anything_is_loaded(refuses: Refuses) -> None:
    refuses(["live", "missing.mp4"], "missing.mp4", "no such file")
    refuses(["live", "rtsp://127.0.0.1:1/x"], "rtsp://127.0.0.1:1/x")
    refuses(["live", "99"], "camera 99")


SLOW_RUN = """
import sys
sys.path.insert(0, {tests!r})
from fake_networks import FakeDecision, FakeFlow, FakeSegmentation
from vssn.cli.main import main
from vssn.runtime import load

class Told(FakeSegmentation):
    def probabilities(self, frame_bgr):
        if self.calls == 6:
            print("six", flush=True)
        return super().probabilities(frame_bgr)

networks = load.Networks(Told(), FakeFlow(), FakeDecision(), "fake")
load.load_networks = lambda *_, **__: networks
sys.exit(main({argv!r}))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_stream_with_its_figures_and_files(
    argv: list[str], tmp_path: Path, repo_root: Path, paint: Paint, number: signal.Signals
) -> None:
    with VideoSink(tmp_path / "street.avi", VideoInfo(64, 48, 25, None)) as sink:
        for _ in range(250):
            sink.write(paint(np.full((48, 64), 3)))
    command = [*argv, "--schedule", "always", "--output", str(tmp_path / "out.mp4")]
    command += ["--report", str(tmp_path / "report")]
    code = SLOW_RUN.format(tests=str(repo_root / "tests"), argv=command)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=repo_root,
        env=unmeasured(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "six\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Latency in ms" in out
    assert "Traceback" not in err
    figures = json.loads((tmp_path / "report/live.json").read_text())
    assert figures["interrupted"]
    with VideoSource(tmp_path / "out.mp4") as source:
        assert sum(1 for _ in source) == figures["frames"] - figures["not_written_frames"]
