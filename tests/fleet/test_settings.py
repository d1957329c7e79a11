"""Settings and weights on machines that don't have their files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import vssn
from vssn.fleet import sources
from vssn.fleet.settings import AttachedFiles, job_id, look_with, portable
from vssn.fleet.weights import pack_weights
from vssn.runtime.load import WeightPaths
from vssn.scene.style import Style

MINUTE = 60.0


@pytest.fixture(autouse=True)
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for another machine's."""
    folder = tmp_path / "node"
    folder.mkdir()
    monkeypatch.setattr(sources, "node_folder", lambda: folder)
    return folder


@pytest.fixture
def config(weights_dir: Path) -> vssn.SegmenterConfig:
    (weights_dir / "segnet_int8.json").write_text("{}")
    (weights_dir / "other.json").write_text("{}")
    return vssn.SegmenterConfig(
        segmenter=weights_dir / "segnet.h5",
        flownets=weights_dir / "flow",
        decision=weights_dir / "decision",
    )


def test_weights_that_are_here_are_used_where_they_are(config: vssn.SegmenterConfig) -> None:
    used = pack_weights(config).unpacked()
    assert (used.segnet, used.flownets) == (config.segmenter, config.flownets)


def test_weights_that_are_not_are_written_once(
    config: vssn.SegmenterConfig, weights_dir: Path, node: Path
) -> None:
    packed = pack_weights(config)
    shutil.rmtree(weights_dir)
    used = packed.unpacked()
    assert used.segnet.read_bytes() == b"segnet"
    assert used.segnet.is_relative_to(node)
    assert Path(f"{used.flownets}.index").read_bytes() == b"flow"
    names = {path.name for path in used.segnet.parent.iterdir()}
    assert names == {"segnet.h5", "segnet_int8.json"}
    used.segnet.write_bytes(b"kept")
    assert packed.unpacked() == used
    assert used.segnet.read_bytes() == b"kept"


def test_several_segmentation_networks_travel(
    config: vssn.SegmenterConfig, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (weights_dir / "light.h5").write_bytes(b"light")
    both = WeightPaths(weights_dir / "segnet.h5", companion=weights_dir / "light.h5")
    monkeypatch.setattr("vssn.fleet.weights.locate_weights", lambda config: both)
    packed = pack_weights(config)
    assert packed.unpacked() == both
    shutil.rmtree(weights_dir)
    used = packed.unpacked()
    assert [path.read_bytes() for path in used.segmentation] == [b"segnet", b"light"]


def test_a_job_is_told_by_its_settings_and_weights(
    config: vssn.SegmenterConfig, weights_dir: Path, tmp_path: Path
) -> None:
    packed = pack_weights(config)
    first = job_id(config, packed, chunk_s=60)
    copied = Path(shutil.copytree(weights_dir, tmp_path / "copy"))
    moved = replace(
        config,
        segmenter=copied / "segnet.h5",
        flownets=copied / "flow",
        decision=copied / "decision",
    )
    assert job_id(moved, pack_weights(moved), chunk_s=60) == first
    assert job_id(config, packed, chunk_s=30) != first
    assert job_id(replace(config, target=50), packed, chunk_s=60) != first
    (copied / "segnet.h5").write_bytes(b"other")
    assert job_id(moved, pack_weights(moved), chunk_s=60) != first


def test_files_that_settings_name_come_along(tmp_path: Path) -> None:
    palette, camera = tmp_path / "p.json", tmp_path / "c.json"
    palette.write_text(json.dumps({"colours_rgb": {}}))
    camera.write_text("{}")
    attached = AttachedFiles({"palette": palette, "camera": camera, "other": "camvid"})
    palette.unlink()
    style, options = look_with(
        Style(palette=palette), {"camera": camera, "fov_deg": 60}, attached.unpacked()
    )
    assert style is not None
    assert json.loads(Path(style.palette).read_text()) == {"colours_rgb": {}}
    assert isinstance(options, dict)
    assert (Path(options["camera"]).read_text(), options["fov_deg"]) == ("{}", 60)
    assert look_with(None, None, {}) == (None, None)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"fps": 5.0}, "fps=5"),
        ({"budget_ms": 50.0}, "budget_ms=50"),
        ({"schedule": vssn.FixedInterval(3)}, "a schedule object"),
        ({"preset": "original"}, "preset='original'"),
    ],
)
def test_what_other_machines_could_not_repeat_is_refused(given: dict, named: str) -> None:
    with pytest.raises(vssn.BadInputError, match=named):
        portable(vssn.SegmenterConfig(**given), MINUTE)
    assert portable(vssn.SegmenterConfig(), MINUTE).threads == 1
    assert portable(vssn.SegmenterConfig(threads=4), MINUTE).threads == 4
