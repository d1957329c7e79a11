"""``--segmenter``, ``--profile`` and ``--device``: what they load and what they refuse."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_clips import write_video

from vssn.cli.main import main
from vssn.config import PROFILES
from vssn.models.architectures import ENSEMBLE
from vssn.openvino_core import openvino_core
from vssn.runtime import load

Refuses = Callable[..., str]
FOLDERS = {"resnet50_segnet": "resnet50_segnet", "light": "light_segmenter"}


@pytest.fixture
def argv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command that works, once there are networks, beside weights in their default folders."""
    monkeypatch.chdir(tmp_path)
    for name in FOLDERS.values():
        (tmp_path / f"{name}_model").mkdir()
        (tmp_path / f"{name}_model/{name}.h5").write_bytes(name.encode())
    video = write_video(tmp_path / "clip.avi", 3)
    return ["video", str(video), "--output", str(tmp_path / "out.avi")]


@pytest.fixture
def loaded(
    fake_networks: load.Networks, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[load.WeightPaths, load.RuntimeOptions]]:
    """What commands ask to be loaded; they get fakes."""
    asked = []

    def note(paths: load.WeightPaths, _: object, options: load.RuntimeOptions) -> load.Networks:
        asked.append((paths, options))
        return fake_networks

    monkeypatch.setattr(load, "load_networks", note)
    return asked


Loaded = list[tuple[load.WeightPaths, load.RuntimeOptions]]


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("flag", ["--segmenter", "--segnet_chkpt"])
def test_a_network_is_found_by_its_name(
    name: str, flag: str, argv: list[str], loaded: Loaded
) -> None:
    assert main([*argv, flag, name, "--device", "cpu"]) == 0
    ((paths, options),) = loaded
    assert paths.segnet == Path(f"{FOLDERS[name]}_model/{FOLDERS[name]}.h5")
    assert options.device == "cpu"


SCRIPTS = ("inference_resnet_segnet_video", "inference_resnet_segnet")


@pytest.mark.parametrize(
    ("given", "network"),
    [
        ([], "resnet50_segnet"),
        (["--profile", "fast"], "light_segmenter"),
        (["--segnet_chkpt", "light_segmenter_model"], "light_segmenter"),
    ],
)
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_originals_scripts_keep_its_network(
    script: str,
    given: list[str],
    network: str,
    argv: list[str],
    loaded: Loaded,
    repo_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = argv[1:]
    if script == SCRIPTS[1]:
        image, listed = tmp_path / "0.png", tmp_path / "list.txt"
        cv2.imwrite(str(image), np.zeros((48, 64, 3), np.uint8))
        listed.write_text("0.png 0.png 0.png\n")
        flags = ["--data_dir", str(tmp_path), "--data_list", str(listed), "--save_dir", "masks"]
    monkeypatch.setattr(sys, "argv", [script, *flags, *given])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(repo_root / f"scripts/{script}.py"), run_name="__main__")
    assert ended.value.code == 0
    assert [paths.segnet.stem for paths, _ in loaded] == [network]


def test_a_video_gets_the_light_network(argv: list[str], loaded: Loaded) -> None:
    assert main(argv) == 0
    assert [paths.segnet.stem for paths, _ in loaded] == ["light_segmenter"]


def test_a_network_is_found_by_its_weights(argv: list[str], loaded: Loaded) -> None:
    for given in ("light_segmenter_model", "light_segmenter_model/light_segmenter.h5"):
        assert main([*argv, "--segmenter", given]) == 0
        assert loaded.pop()[0].segnet.name == "light_segmenter.h5"


def test_a_network_that_there_is_not_is_refused(argv: list[str], refuses: Refuses) -> None:
    refuses([*argv, "--segmenter", "heavy"], "weights 'heavy'", "light")


@pytest.mark.parametrize("name", ["accurate", "balanced", "fast"])
def test_a_profile_takes_its_network(name: str, argv: list[str], loaded: Loaded) -> None:
    assert main([*argv, "--profile", name]) == 0
    ((paths, _),) = loaded
    segmenter = PROFILES[name]["segmenter"]
    names = FOLDERS.values() if segmenter == ENSEMBLE else [FOLDERS[segmenter]]
    assert [each.stem for each in paths.segmentation] == list(names)
    assert (paths.flownets, paths.decision) == (None, None)


def test_flags_beat_the_profile(
    argv: list[str], loaded: Loaded, capsys: pytest.CaptureFixture[str]
) -> None:
    # Segmented: every frame at the profile's target of 100, the first alone at 0.
    assert main([*argv, "--profile", "accurate"]) == 0
    assert "Segmentation steps: 3" in capsys.readouterr().out
    assert main([*argv, "--profile", "accurate", "--target", "0", "--segmenter", "light"]) == 0
    assert "Segmentation steps: 1" in capsys.readouterr().out
    assert [paths.segnet.stem for paths, _ in loaded] == ["resnet50_segnet", "light_segmenter"]


def test_an_unknown_profile_is_refused(argv: list[str], refuses: Refuses) -> None:
    refuses([*argv, "--profile", "best"], "--profile", "best", "balanced")


def test_a_gpu_is_refused_where_there_is_none(argv: list[str], refuses: Refuses) -> None:
    if any(name.startswith("GPU") for name in openvino_core().available_devices):
        pytest.skip("THERE IS A GPU, which is taken")
    for command in (argv, ["bench", "--clip", argv[1]]):
        error = refuses([*command, "--device", "gpu"], "--device gpu", "a GPU with its driver")
        assert "pass --device cpu" in error
