"""Finding weights where users have them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vssn import shipped
from vssn.checkpoints.locate import (
    FLOWNETS_FOLDER,
    data_path,
    index_path,
    locate_segnet,
    locate_tf1,
    sha256_of,
    weights_files,
)
from vssn.errors import CheckpointError, printable


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def _checkpoint(prefix: Path, recorded: str | None = "model.ckpt") -> Path:
    prefix.parent.mkdir(parents=True, exist_ok=True)
    for path in (index_path(prefix), data_path(prefix)):
        path.write_bytes(prefix.name.encode())
    if recorded is not None:
        text = f'model_checkpoint_path: "{recorded}"\nall_model_checkpoint_paths: "{recorded}"\n'
        (prefix.parent / "checkpoint").write_text(text)
    return prefix


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may find the weights that the repository ships."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "installed" / "vssn")


@pytest.mark.parametrize("name", ["a.pb", "a.h5", "a.keras", "a.weights.h5"])
def test_a_file_is_taken_as_given(tmp_path: Path, name: str) -> None:
    path = _touch(tmp_path / name)
    assert locate_segnet(str(path)) == path


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"a\.txt.*\.pb, \.h5"):
        locate_segnet(_touch(tmp_path / "a.txt"))


def test_a_folder_prefers_pb_then_h5_then_keras(tmp_path: Path) -> None:
    for suffix in (".weights.h5", ".keras", ".h5", ".pb"):
        path = _touch(tmp_path / f"resnet50_segnet{suffix}")
        assert locate_segnet(tmp_path) == path


@pytest.mark.parametrize(
    "inside", ["resnet50_segnet_model", "resnet50_segnet_model/resnet50_segnet_model", "temp"]
)
def test_nested_downloads_are_found(tmp_path: Path, inside: str) -> None:
    path = _touch(tmp_path / "temp" / inside / "resnet50_segnet.h5")
    assert locate_segnet(tmp_path / "temp") == path


def test_default_folder_here_comes_before_the_one_beside_the_package(tmp_path: Path) -> None:
    package = _touch(tmp_path / "installed/resnet50_segnet_model/resnet50_segnet.h5")
    assert locate_segnet(None) == package
    _touch(Path("resnet50_segnet_model/resnet50_segnet.h5"))
    assert locate_segnet(None) == Path("resnet50_segnet_model/resnet50_segnet.h5")


@pytest.mark.parametrize("path", [None, "nothing.h5", "n" * 300, "nul\0byte"])
def test_missing_weights_are_named_with_what_to_do(path: str | None) -> None:
    expected = re.escape(printable(path or "resnet50_segnet_model"))
    with pytest.raises(CheckpointError, match=f"(?s){expected}.*download the weights"):
        locate_segnet(path)
    with pytest.raises(CheckpointError, match="download the weights"):
        locate_tf1(path, FLOWNETS_FOLDER)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="in it"):
        locate_segnet(tmp_path)
    with pytest.raises(CheckpointError, match="'checkpoint' state file in it"):
        locate_tf1(tmp_path, FLOWNETS_FOLDER)


@pytest.mark.parametrize(
    "recorded",
    [
        "model.ckpt",
        "./model.ckpt",
        "/home/somebody/gone/model.ckpt",
        "old/finetune/model.ckpt",
        r"C:\\Users\\x\\model.ckpt",
        r"C:\Users\x\model.ckpt",
    ],
)
def test_state_files_lead_to_the_checkpoint_beside_them(tmp_path: Path, recorded: str) -> None:
    prefix = _checkpoint(tmp_path / "model.ckpt", recorded)
    found = locate_tf1(tmp_path, FLOWNETS_FOLDER)
    assert (found.parent / found.name).resolve() == prefix


def test_state_files_name_non_ascii_checkpoints_in_octal(tmp_path: Path) -> None:
    prefix = _checkpoint(tmp_path / "modéle.ckpt", r"mod\303\251le.ckpt")
    assert locate_tf1(tmp_path, FLOWNETS_FOLDER) == prefix


def test_a_copied_folder_uses_its_own_files(tmp_path: Path) -> None:
    old = _checkpoint(tmp_path / "old" / "model.ckpt")
    new = _checkpoint(tmp_path / "new" / "model.ckpt", str(old))
    assert locate_tf1(tmp_path / "new", FLOWNETS_FOLDER) == new


def test_an_absolute_path_elsewhere_is_followed_where_nothing_is_beside(tmp_path: Path) -> None:
    old = _checkpoint(tmp_path / "old" / "model.ckpt")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "checkpoint").write_text(f'model_checkpoint_path: "{old}"\n')
    assert locate_tf1(tmp_path / "new", FLOWNETS_FOLDER) == old


@pytest.mark.parametrize(
    "inside",
    [
        "finetune",
        "dvs_net_flownets_checkpoints/finetune",
        "dvs_net_flownets_checkpoints/dvs_net_flownets_checkpoints/finetune",
        "temp/finetune",
    ],
)
def test_nested_checkpoints_are_found(tmp_path: Path, inside: str) -> None:
    prefix = _checkpoint(tmp_path / "temp" / inside / "model.ckpt")
    assert locate_tf1(tmp_path / "temp", FLOWNETS_FOLDER) == prefix


def test_default_tf1_folder(tmp_path: Path) -> None:
    prefix = _checkpoint(tmp_path / "installed" / FLOWNETS_FOLDER / "finetune" / "model.ckpt")
    assert locate_tf1(None, FLOWNETS_FOLDER) == prefix


def test_a_prefix_with_and_without_its_step(tmp_path: Path) -> None:
    for step in (9, 123):
        _checkpoint(tmp_path / f"model.ckpt-{step}", recorded=None)
    _checkpoint(tmp_path / "model.ckpt-best", recorded=None)
    assert locate_tf1(tmp_path / "model.ckpt", "x").name == "model.ckpt-123"
    assert locate_tf1(tmp_path / "model.ckpt-9", "x").name == "model.ckpt-9"
    for end in (".index", ".data-00000-of-00001"):
        assert locate_tf1(tmp_path / f"model.ckpt-9{end}", "x").name == "model.ckpt-9"


def test_a_single_checkpoint_needs_no_state_file(tmp_path: Path) -> None:
    prefix = _checkpoint(tmp_path / "model.ckpt-7", recorded=None)
    _touch(tmp_path / ".half.index")
    assert locate_tf1(tmp_path, FLOWNETS_FOLDER) == prefix


def test_the_state_file_itself_leads_to_the_checkpoint_it_names(tmp_path: Path) -> None:
    prefix = _checkpoint(tmp_path / "a" / "model.ckpt")
    assert locate_tf1(tmp_path / "a" / "checkpoint", FLOWNETS_FOLDER) == prefix


def test_hdf5_is_known_by_its_content_under_any_name(tmp_path: Path) -> None:
    """image-segmentation-keras names its weights PATH.EPOCH."""
    path = tmp_path / "resnet50_segnet.4"
    path.write_bytes(b"\x89HDF\r\n\x1a\n rest")
    assert locate_segnet(path) == path


def test_v1_checkpoints_are_told_apart(tmp_path: Path) -> None:
    v1 = _touch(tmp_path / "model.ckpt")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt"\n')
    for path in (v1, tmp_path):
        with pytest.raises(CheckpointError, match=r"V1 format.*tf\.train\.Saver"):
            locate_tf1(path, FLOWNETS_FOLDER)


@pytest.mark.parametrize(
    "state", ["", "\0\xff" * 50, 'model_checkpoint_path: ""\n', 'model_checkpoint_path: "a\n']
)
def test_damaged_state_files_are_refused(tmp_path: Path, state: str) -> None:
    (tmp_path / "checkpoint").write_text(state)
    with pytest.raises(CheckpointError, match="state file"):
        locate_tf1(tmp_path, FLOWNETS_FOLDER)


@pytest.mark.parametrize("recorded", ["gone.ckpt", "n" * 300, "..", "/", "a/.."])
def test_a_state_file_of_missing_files_is_refused(tmp_path: Path, recorded: str) -> None:
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{recorded}"\n')
    with pytest.raises(CheckpointError, match="it names"):
        locate_tf1(tmp_path, FLOWNETS_FOLDER)


def test_files_and_their_digests(tmp_path: Path) -> None:
    prefix = _checkpoint(tmp_path / "model[1].ckpt", recorded=None)
    _checkpoint(tmp_path / "model1.ckpt", recorded=None)
    files = weights_files(prefix)
    assert [path.name for path in files] == [
        "model[1].ckpt.index",
        "model[1].ckpt.data-00000-of-00001",
    ]
    expected = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert sha256_of(files) == expected
    h5 = _touch(tmp_path / "a.h5")
    assert weights_files(h5) == [h5]
    with pytest.raises(CheckpointError, match=r"gone\.index"):
        weights_files(tmp_path / "gone")
    with pytest.raises(CheckpointError, match="readable"):
        sha256_of([tmp_path / "gone"])


def test_reading_weights_imports_neither_tensorflow_nor_keras() -> None:
    """An inference run through OpenVINO would wait seconds for them."""
    code = """
import sys
import vssn.checkpoints.frozen, vssn.checkpoints.locate
import vssn.checkpoints.segnet_weights, vssn.checkpoints.tf1
print({"tensorflow", "keras"} & sys.modules.keys())
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
