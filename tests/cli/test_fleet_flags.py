"""``--engine ray``: what is refused before any cluster is started."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_clips import write_video

from vssn.cli.main import main

Refuses = Callable[..., str]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--save_dir", "s3://bucket/out"], ["--save_dir", "--engine ray"]),
        (["--address", "auto"], ["--address auto", "--engine ray"]),
        (["--no-pin_cpus"], ["--no-pin_cpus", "--engine ray"]),
        (["--engine", "ray", "--records", "a.csv"], ["--records with --engine ray"]),
        (["--engine", "ray", "--max_frames", "3"], ["--max_frames with --engine ray"]),
        (["--engine", "ray", "--save_dir", "none"], ["--save_dir none"]),
        (["--engine", "ray", "--fps", "5"], ["--fps 5", "--target"]),
        (["--engine", "ray", "--preset", "original"], ["--preset original"]),
        (["--preset", "original", "--chunk_s", "5"], ["--chunk_s 5", "--preset original"]),
        (["--engine", "ray", "--chunk_s", "0.01"], ["--chunk_s", "0.1"]),
    ],
)
def test_what_can_not_be_had_is_refused(
    refuses: Refuses, tmp_path: Path, flags: list[str], words: list[str]
) -> None:
    pytest.importorskip("ray")
    clip = write_video(tmp_path / "v.avi", 3)
    where = [] if "--save_dir" in flags else ["--save_dir", str(tmp_path / "out")]
    refuses(["video", str(clip), *where, *flags], *words)


@pytest.mark.timeout(60)  # Ray itself would try for minutes
@pytest.mark.parametrize("from_variable", [False, True])
@pytest.mark.parametrize(
    ("address", "word"),
    [("127.0.0.1:1", "refused"), ("127.0.0.1:99999", "answers"), ("nonsense", "HOST:PORT")],
)
def test_an_address_where_nobody_answers(
    refuses: Refuses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    word: str,
    from_variable: bool,
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr("vssn.fleet.videos.pack_weights", lambda config: None)
    source = write_video(tmp_path / "a.mp4")
    argv = ["video", str(source), "--engine", "ray", "--save_dir", str(tmp_path / "out")]
    if from_variable:
        monkeypatch.setenv("RAY_ADDRESS", address)
        refuses(argv, f"$RAY_ADDRESS {address}", word)
    else:
        refuses([*argv, "--address", address], f"--address {address}", word)


@pytest.mark.parametrize(("package", "named"), [("ray", "Ray"), ("pyarrow", "pyarrow")])
def test_a_missing_package_is_named_with_what_installs_it(
    refuses: Refuses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    named: str,
) -> None:
    if package != "ray":
        pytest.importorskip("ray")
    monkeypatch.setitem(sys.modules, package, None)
    clip = write_video(tmp_path / "v.avi", 3)
    for command in (["video", str(clip)], ["infer", "--data_dir", str(tmp_path)]):
        argv = [*command, "--engine", "ray", "--save_dir", str(tmp_path / "out")]
        refuses(argv, "--engine ray", named, "pip install vssn[ray]")


def test_resuming_a_data_set_needs_a_cluster(refuses: Refuses, tmp_path: Path) -> None:
    refuses(["infer", "--data_dir", str(tmp_path), "--resume"], "--resume", "--engine ray")
    refuses(["infer", "--data_dir", "s3://user:pw@bucket/x"], "s3://bucket/x", "--engine ray")


@pytest.mark.usefixtures("fake_networks")
def test_one_process_begins_anew_after_so_many_seconds(
    tmp_path: Path, weight_flags: list[str]
) -> None:
    clip = write_video(tmp_path / "v.avi", 10)  # 0.4 s
    summary = tmp_path / "summary.json"
    argv = ["video", str(clip), "--output", str(tmp_path / "o.avi"), "--target", "0"]
    assert main([*argv, *weight_flags, "--chunk_s", "0.2", "--summary", str(summary)]) == 0
    figures = json.loads(summary.read_text())
    assert (figures["segmentation_steps"], figures["flow_steps"]) == (2, 8)
