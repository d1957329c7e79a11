"""Whatever is read from a file goes through the few functions that check it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# What opens or parses a file, and the modules that may call it: those that check first, or that
# read what the package itself or this very process has just written.
ALLOWED = {
    "json.loads": {
        *("json_files.py", "training/loop.py"),
        "fleet/chunk_video.py",  # what it has just written itself
    },
    "json.load": set(),
    "np.load": set(),
    "np.fromfile": set(),
    "np.loadtxt": set(),
    "pickle": {"training/efficientnet_weights.py"},  # an unpickler that knows tensors alone
    "read_text": {
        "runtime/processor.py",  # /proc/cpuinfo
        "evaluation/machine.py",
        "evaluation/page_template/__init__.py",
    },
    "read_bytes": {
        "runtime/model_cache.py",  # the package's own modules
        "evaluation/page.py",
        "fleet/video_work.py",
        "fleet/dataset_work.py",
    },
    "open('rb')": {
        "files/atomic.py",
        "media/completeness.py",  # after the container was opened
        "media/images.py",
        "media/sink.py",
        "training/features.py",
    },
    "h5py.File": {"checkpoints/hdf5.py"},
    "Image.open": {"media/images.py"},
    "cv2.imread": set(),
    "av.open": {
        *(f"media/{name}.py" for name in ("containers", "sink", "previews", "remux", "live")),
        "fleet/chunk_video.py",
    },
}


def _calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(each.name == "pickle" for each in node.names):
            yield "pickle"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = node.func.attr
        whole = f"{ast.unparse(node.func.value)}.{name}"
        if whole in ALLOWED:
            yield whole
        elif name in ALLOWED:
            yield name
        elif name == "open" and any(
            isinstance(each, ast.Constant) and each.value == "rb" for each in node.args
        ):
            yield "open('rb')"


def test_files_are_read_where_they_are_checked(repo_root: Path) -> None:
    package = repo_root / "vssn"
    found: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for path in package.rglob("*.py"):
        for call in _calls(ast.parse(path.read_text(encoding="utf-8"))):
            found[call].add(path.relative_to(package).as_posix())
    assert found == ALLOWED
