"""The built package, installed into an environment of its own and used from an empty directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from made_clips import write_video

from vssn.checkpoints.locate import locate_segnet
from vssn.errors import CheckpointError
from vssn.media.video import VideoSource

FRAMES = 5
# What the package is built from; not what was built before, nor the environment.
BUILT_FROM = (
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "WEIGHTS_LICENSE",
)
FOLDERS = (
    "vssn",
    "list",
    "resnet50_segnet_model",
    "light_segmenter_model",
    "dvs_net_flownets_checkpoints",
    "decision_network_checkpoints",
)

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(900)]


def _run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VSSN_DATA")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as it is built."""
    try:
        locate_segnet(repo_root / "resnet50_segnet_model")
    except CheckpointError as error:
        pytest.skip(f"NO SHIPPED WEIGHTS: {error}")
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in BUILT_FROM:
        shutil.copy(repo_root / name, source)
    for name in FOLDERS:
        shutil.copytree(
            repo_root / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation")
    _run(*pip, "--quiet", "--wheel-dir", built, source, cwd=source)
    (found,) = built.glob("vssn-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, whose other packages are those of this one."""
    environment = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    paths = {"base": str(environment), "platbase": str(environment)}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    # Files of this kind in the other folder don't count there, an editable vssn among them.
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    programs = Path(sysconfig.get_path("scripts", "venv", paths))
    pip = (sys.executable, "-m", "pip", "--python", programs / "python")
    _run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=environment)
    return programs


def test_the_installed_package_annotates_a_video_in_an_empty_folder(
    installed: Path, tmp_path: Path
) -> None:
    clip, empty = tmp_path / "clip.avi", tmp_path / "empty"
    empty.mkdir()
    write_video(clip, FRAMES)
    _run(installed / "vssn", "video", clip, "--output", "out.mp4", "--quiet", cwd=empty)
    assert [path.name for path in empty.iterdir()] == ["out.mp4"]
    with VideoSource(empty / "out.mp4") as source:
        assert len(list(source)) == FRAMES


def test_the_wheel_holds_every_file_of_the_package(repo_root: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = (path for path in (repo_root / "vssn").rglob("*") if path.is_file())
    names = {path.relative_to(repo_root).as_posix() for path in files if path.suffix != ".pyc"}
    assert names - held == set()


def test_the_installed_package_carries_lists_types_and_every_network(
    installed: Path, tmp_path: Path
) -> None:
    check = """
import importlib.metadata
from pathlib import Path
import vssn
from vssn.checkpoints.locate import DECISION_FOLDER, FLOWNETS_FOLDER, locate_tf1
from vssn.data.lists import default_list, read_list
package = Path(vssn.__file__).parent
assert vssn.__version__ == importlib.metadata.version("vssn")
assert (package / "py.typed").is_file()
for name in (FLOWNETS_FOLDER, DECISION_FOLDER):
    assert locate_tf1(None, name).is_relative_to(package)
print(*(len(read_list(default_list(split))) for split in ("train", "val", "test")))
"""
    assert _run(installed / "python", "-c", check, cwd=tmp_path).split() == ["11005", "229", "6959"]
