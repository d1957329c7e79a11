"""The notebook runs as it stands, and is kept without what a run leaves in it."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import pytest

from vssn.data.demo import demo_clip
from vssn.errors import CheckpointError, MediaError
from vssn.runtime.load import WeightPaths

nbformat = pytest.importorskip("nbformat", reason="NO JUPYTER: pip install nbclient ipykernel")


@pytest.fixture
def notebook(repo_root: Path) -> Any:
    return nbformat.read(repo_root / "notebooks/quickstart.ipynb", as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_kept_without_outputs(notebook: Any) -> None:
    nbformat.validate(notebook)
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_it_shows_the_public_calls(notebook: Any) -> None:
    code = "\n".join(cell.source for cell in code_cells(notebook))
    tree = ast.parse(code)
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "vssn"
    }
    assert {"stream", "annotate_video", "segment", "VideoSource"} <= used
    assert "result.labels" in code


@pytest.mark.real
@pytest.mark.timeout(900)  # minutes where other work shares the processor
def test_it_runs_and_shows_frames_and_plots(
    notebook: Any, tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbclient = pytest.importorskip("nbclient", reason="NO JUPYTER: pip install nbclient ipykernel")
    try:
        WeightPaths.locate()
        demo_clip()
    except CheckpointError as error:
        pytest.skip(f"NO SHIPPED WEIGHTS: {error}")
    except MediaError as error:
        pytest.skip(f"NO DEMO CLIP: {error}")
    # The kernel is a process of its own.
    monkeypatch.setenv("PYTHONPATH", str(repo_root), prepend=os.pathsep)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=800, resources=resources).execute()
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 3
    assert all(len(picture.data["image/png"]) > 10_000 for picture in pictures)
    assert any("data:video/mp4;base64," in o.get("data", {}).get("text/html", "") for o in outputs)
    assert "end to end" in "".join(o.text for o in outputs if o.output_type == "stream")
    assert (tmp_path / "annotated.mp4").stat().st_size > 10_000
