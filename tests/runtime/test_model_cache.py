from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest

from vssn.runtime import model_cache
from vssn.runtime.model_cache import ModelCache, default_cache_dir

CONFIG = {"INFERENCE_PRECISION_HINT": "f32"}


class Builder:
    """Builds `x + 1` and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> ov.Model:
        self.calls += 1
        x = ops.parameter([2], np.float32)
        return ov.Model([ops.add(x, np.ones(2, np.float32))], [x], "made")


@pytest.fixture
def build() -> Builder:
    return Builder()


@pytest.fixture
def run(tmp_path: Path, build: Builder) -> Callable[..., list[float]]:
    def load_and_run(**key: object) -> list[float]:
        network = ModelCache(tmp_path / "cache", CONFIG).load("made", key, build)
        (result,) = network(np.array([1, 2], np.float32)).values()
        return result.tolist()

    return load_and_run


def test_a_network_is_compiled_once(run: Callable[..., list[float]], build: Builder) -> None:
    assert run(weights="a") == run(weights="a") == [2, 3]
    assert build.calls == 1
    run(weights="b")
    assert build.calls == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped"])
def test_a_damaged_entry_is_built_anew(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path, damage: str
) -> None:
    run()
    (entry,) = (tmp_path / "cache").glob("*.blob")
    data = bytearray(entry.read_bytes())
    data[-5] ^= 1
    entry.write_bytes({"cut": data[:100], "empty": b"", "flipped": data}[damage])
    assert run() == [2, 3]
    assert build.calls == 2
    assert run() == [2, 3]
    assert build.calls == 2


def test_an_entry_that_openvino_refuses_is_built_anew(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    import hashlib

    run()
    (entry,) = (tmp_path / "cache").glob("*.blob")
    foreign = b"another format"
    entry.write_bytes(hashlib.sha256(foreign).digest() + foreign)
    assert run() == [2, 3]
    assert build.calls == 2


def test_another_version_has_its_own_entry(
    run: Callable[..., list[float]], build: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    monkeypatch.setattr(model_cache, "__version__", "99")
    run()
    assert build.calls == 2


def test_only_the_latest_entries_are_kept(
    run: Callable[..., list[float]],
    build: Builder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_cache, "MAX_ENTRIES", 2)
    for weights in "abc":
        run(weights=weights)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    run(weights="c")
    assert build.calls == 3
    run(weights="a")
    assert build.calls == 4


def test_without_a_place_to_write_the_network_still_runs(
    tmp_path: Path, build: Builder, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        network = ModelCache(tmp_path / "file", CONFIG).load("made", {}, build)
    (result,) = network(np.zeros(2, np.float32)).values()
    assert result.tolist() == [1, 1]
    assert "not kept" in caplog.text


def test_the_default_place_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "vssn"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "vssn"
