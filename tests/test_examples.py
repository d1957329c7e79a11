"""Every example that the documentation and the public docstrings show runs as it stands."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

import vssn
from vssn.runtime.load import WeightPaths

if TYPE_CHECKING:
    from vssn.runtime.load import Networks
    from vssn.types import UInt8Array

SIZE_HW = (48, 64)


@pytest.fixture(autouse=True)
def files(
    tmp_path: Path,
    paint: Callable[[np.ndarray], UInt8Array],
    fake_networks: Networks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A folder with all that the examples name, and fake networks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(WeightPaths, "locate", lambda *_: SimpleNamespace(sha256=dict))
    labels = np.full(SIZE_HW, 3)
    labels[20:30, 10:40] = 8
    cv2.imwrite("street.png", paint(labels))
    with vssn.VideoSink(Path("street.mp4"), vssn.VideoInfo(64, 48, 10, None)) as sink:
        for _ in range(12):
            sink.write(paint(labels))
    Path("CamVid").mkdir()
    cv2.imwrite("CamVid/a.png", paint(labels))
    cv2.imwrite("CamVid/l.png", labels.astype(np.uint8))
    for name in ("CamVid/val_list.txt", "val_list.txt"):
        Path(name).write_text("a.png a.png l.png\n" * 2)


def python_blocks(text: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))


def test_the_page_on_python_runs(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (repo_root / "docs/python.md").read_text()
    exec(compile(python_blocks(text), "docs/python.md", "exec"), {})
    assert "target=1000: expected 0 to 100" in capsys.readouterr().out
    assert Path("annotated.mp4").stat().st_size > 0
    assert len(list(Path("masks").glob("mask*.png"))) == 2


def test_the_readme_runs(repo_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (repo_root / "README.md").read_text()
    exec(compile(python_blocks(text), "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 12


def test_the_page_on_python_shows_every_public_name(repo_root: Path) -> None:
    text = (repo_root / "docs/python.md").read_text()
    assert [name for name in vssn.__all__ if f"vssn.{name}" not in text] == []


EXAMPLES = {"vssn": vssn} | {
    name: value
    for name in vssn.__all__
    if ">>>" in (inspect.getdoc(value := getattr(vssn, name)) or "")
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_docstring_runs(name: str) -> None:
    parsed = doctest.DocTestParser().get_examples(inspect.getdoc(EXAMPLES[name]) or "")
    code = "".join(example.source for example in parsed)
    known = {"vssn": vssn, "segmenter": vssn.load_segmenter(), "frames_bgr": []}
    exec(compile(code, name, "exec"), known)
