"""Commands that read weights find them from any folder, and say which ones they can't use."""

from __future__ import annotations

from pathlib import Path

import pytest

from vssn.checkpoints import segnet_weights
from vssn.cli.main import main
from vssn.config import SegmenterConfig
from vssn.errors import BadInputError
from vssn.runtime import int8_ranges


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path]:
    """The weights that a command works on; it runs in an empty folder."""
    paths: list[Path] = []

    def calibrate_weights(path: Path, frames_bgr: object) -> Path:
        paths.append(path)
        return path

    def average_segnet_weights(given: list[Path], output: Path) -> None:
        paths.extend(given)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(int8_ranges, "calibrate_weights", calibrate_weights)
    monkeypatch.setattr(segnet_weights, "average_segnet_weights", average_segnet_weights)
    monkeypatch.setattr("vssn.data.stills.list_stills", lambda *_: [])
    return paths


def test_calibrate_finds_the_weights_that_come_with_the_package(
    taken: list[Path], repo_root: Path
) -> None:
    assert main(["calibrate", "--data_dir", "x", "--quiet"]) == 0
    assert taken == [repo_root / "resnet50_segnet_model" / "resnet50_segnet.h5"]


def test_average_weights_takes_folders_and_epochs(taken: list[Path], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "resnet50_segnet.pb").write_bytes(b"x")
    (tmp_path / "a" / "resnet50_segnet.h5").write_bytes(b"x")
    (tmp_path / "w.4").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert main(["average-weights", "a", "w.4", "--output", "m.h5"]) == 0
    assert taken == [Path("a/resnet50_segnet.h5"), Path("w.4")]


def test_a_graph_is_no_input_for_them(
    taken: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w.pb").write_bytes(b"x")
    assert main(["average-weights", "w.pb", "--output", "m.h5"]) == 2
    assert ".h5, .keras, .weights.h5" in capsys.readouterr().err
    assert taken == []


def test_weights_that_nothing_uses_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInputError, match=r"^decision='typo' with flow='dis'"):
        SegmenterConfig(flow="dis", decision="typo")
    with pytest.raises(BadInputError, match=r"^flownets='typo' with flow='dis'"):
        SegmenterConfig(flow="dis", flownets="typo")
    with pytest.raises(BadInputError, match=r"^decision='typo' with flow='flownets' and prop"):
        SegmenterConfig(propagate="chain", decision="typo")
    argv = ["video", "--video_file", "x.mp4", "--flow", "dis", "--decision_chkpt", "typo"]
    assert main(argv) == 2
    assert capsys.readouterr().err.startswith("error: --decision_chkpt typo with --flow dis")
