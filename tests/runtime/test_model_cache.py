from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset13 as ops
import pytest

from vssn.json_files import content_digest
from vssn.runtime import model_cache
from vssn.runtime.model_cache import ModelCache, default_cache_dir

NOBODY = 65534
CONFIG = {"INFERENCE_PRECISION_HINT": "f32"}


@dataclass(frozen=True)
class Fact:
    text: str


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


def _entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("*.blob"))


def _with_blob(entry: Path, blob: bytes) -> bytes:
    header = json.loads(entry.read_bytes().split(b"\n", 1)[0])
    header["sha256"] = hashlib.sha256(blob).hexdigest()
    return json.dumps(header).encode() + b"\n" + blob


def test_an_entry_that_openvino_refuses_is_built_anew(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    run()
    (entry,) = _entries(tmp_path)
    entry.write_bytes(_with_blob(entry, b"another format"))
    assert run() == [2, 3]
    assert build.calls == 2


def test_an_entry_of_another_network_is_built_anew(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    run(weights="a")
    (first,) = _entries(tmp_path)
    run(weights="b")
    (second,) = set(_entries(tmp_path)) - {first}
    second.write_bytes(first.read_bytes())
    assert run(weights="b") == [2, 3]
    assert build.calls == 3


def test_an_entry_with_other_inputs_is_built_anew(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    run()
    (entry,) = _entries(tmp_path)
    entry.write_bytes(entry.read_bytes().replace(b"[2]", b"[3]", 1))
    assert run() == [2, 3]
    assert build.calls == 2


def test_links_and_pipes_are_no_entries(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    run()
    (entry,) = _entries(tmp_path)
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    assert run() == [2, 3]
    assert build.calls == 2
    assert not entry.is_symlink()
    entry.unlink()
    os.mkfifo(entry)
    assert run() == [2, 3]
    assert build.calls == 3


def test_a_file_with_another_name_too_is_no_entry(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    run()
    (entry,) = _entries(tmp_path)
    os.link(entry, tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    assert run() == [2, 3]
    assert build.calls == 2
    assert entry.stat().st_nlink == 1
    assert (tmp_path / "elsewhere").read_bytes() == before


def test_what_others_can_write_to_is_no_cache(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    run()
    (tmp_path / "cache").chmod(0o777)
    assert run() == [2, 3]
    assert build.calls == 2
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert run() == [2, 3]
    assert build.calls == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("whose", ["entry", "folder"])
def test_what_another_user_owns_is_not_used(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path, whose: str
) -> None:
    run()
    (entry,) = _entries(tmp_path)
    os.chown(entry if whose == "entry" else entry.parent, NOBODY, NOBODY)
    assert run() == [2, 3]
    assert build.calls == 2


def test_a_link_to_a_folder_is_no_cache(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path
) -> None:
    run()
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    (tmp_path / "cache").symlink_to(tmp_path / "elsewhere")
    assert run() == [2, 3]
    assert build.calls == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"name": "made"', b'"name": "other"'),
        (b'"key": "', b'"key": "0'),
        (b'"sha256"', b'"sha512"'),
        (b'"shapes": [', b'"shapes": ["f32[2]", '),
        (b'"name": "made"', b'"name": 1e400'),
        (b'"name": "made"', b'"name": "made", "name": "made"'),
        (b'{"name"', b"[" * 60_000 + b'{"name"'),
        (b'"name": "made"', b'"name": {}'),
    ],
)
def test_an_entry_with_another_header_is_built_anew(
    run: Callable[..., list[float]], build: Builder, tmp_path: Path, old: bytes, new: bytes
) -> None:
    run()
    (entry,) = _entries(tmp_path)
    content = entry.read_bytes()
    assert old in content
    entry.write_bytes(content.replace(old, new, 1))
    assert run() == [2, 3]
    assert build.calls == 2
    assert entry.read_bytes() != content.replace(old, new, 1)


def test_the_folder_is_the_users_alone(run: Callable[..., list[float]], tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o755)
    run()
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_without_a_home_nothing_is_kept(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert default_cache_dir() is None
    cache = ModelCache(None, CONFIG)
    cache.load("made", {}, build)
    cache.load("made", {}, build)
    assert build.calls == 2
    assert cache.recall("a", Fact, lambda: Fact("text")) == Fact("text")


def test_facts_are_computed_once(tmp_path: Path) -> None:
    cache, computed = ModelCache(tmp_path / "cache", CONFIG), []

    def compute() -> Fact:
        computed.append(1)
        return Fact(f"text {len(computed)}")

    first = [cache.recall("ab" * 32, Fact, compute) for _ in range(2)]
    assert first == [Fact("text 1")] * 2
    assert cache.recall("cd" * 32, Fact, compute) == Fact("text 2")


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "null", "[" * 60_000, '{"of": 1e400}', "1" + "0" * 400, '{"text": "a"}'),
        '{"of": "NAME", "facts": {}, "sha256": "0"}',
        '{"of": "NAME", "facts": {"text": "another"}}',
        '{"of": "NAME", "facts": {"text": "another"}, "facts": {"text": "a"}}',
        *("SIGNED another", "SIGNED OF 7", "SIGNED OF null", "\udcff"),
    ],
)
def test_facts_that_are_damaged_are_computed_anew(tmp_path: Path, text: str) -> None:
    cache, name = ModelCache(tmp_path / "cache", CONFIG), "ab" * 32
    cache.recall(name, Fact, lambda: Fact("first"))
    (entry,) = (tmp_path / "cache").glob("*.json")
    if text.startswith("SIGNED"):  # with a checksum that is right, of other facts or another file
        of = name if " OF " in text else "cd" * 32
        value = json.loads(text.split()[-1]) if " OF " in text else text.split()[-1]
        content = {"of": of, "facts": {"text": value}}
        entry.write_text(json.dumps(content | {"sha256": content_digest(content)}))
    else:
        entry.write_bytes(text.replace("NAME", name).encode("utf-8", "surrogateescape"))
    assert cache.recall(name, Fact, lambda: Fact("second")) == Fact("second")
    assert cache.recall(name, Fact, lambda: Fact("third")) == Fact("second")


def test_the_digest_covers_what_the_graphs_are_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()
    real = Path.read_bytes

    def spy(path: Path) -> bytes:
        read.add(path.name)
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", spy)
    model_cache.sources_digest.cache_clear()
    model_cache.sources_digest()
    expected = {"folding.py", "folded.py", "layout.py", "preprocess.py", "labels.py"}
    assert expected | {"quantisation.py", "openvino_segnet.py", "openvino_flow.py"} <= read


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
    assert len(_entries(tmp_path)) == 2
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
