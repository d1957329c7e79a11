"""Every reader takes what is whole, and refuses what is malformed in one line.

A fixed sample; ``make fuzz`` tries as many as time allows.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.harness import Child, Fuzz, make_corpus, sample
from fuzz.mutate import make_case

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's"),
    pytest.mark.xdist_group("fuzz"),
]
SAMPLE = 300
SEED = 1
SECONDS = 280


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    return make_corpus(tmp_path_factory.mktemp("seeds"))


@pytest.fixture
def faulty() -> Iterator[Child]:
    child = Child("fuzz.faulty_readers", wall_seconds=20)
    yield child
    child.close()


def test_every_kind_of_fault_is_seen_and_the_next_case_runs(faulty: Child, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    for kind in ("traceback", "crash", "memory", "unclear", "accepted"):
        assert faulty.run(kind, tmp_path / "a")[0] == kind
    faulty.close()


def test_a_hang_is_ended(tmp_path: Path) -> None:
    child = Child("fuzz.faulty_readers", wall_seconds=0.5)
    assert child.run("hang", tmp_path)[0] == "hang"
    assert child.run("accepted", Path(__file__))[0] == "accepted"
    child.close()


def test_whole_files_are_accepted(seeds: dict[str, list[Path]]) -> None:
    child = Child()
    ends = {
        (reader, seed.name): child.run(reader, max(_files(seed), key=lambda p: p.stat().st_size))
        for reader, folders in seeds.items()
        for seed in folders
    }
    child.close()
    assert {key: end for key, end in ends.items() if end[0] != "accepted"} == {}


def _files(seed: Path) -> list[Path]:
    return [path for path in seed.iterdir() if path.is_file()]


def test_malformed_files_end_in_one_line(seeds: dict[str, list[Path]], tmp_path: Path) -> None:
    fuzz = Fuzz(seeds, tmp_path)
    readers = sample(SAMPLE)
    fuzz.run(iter(readers), SEED, time.monotonic() + SECONDS)
    assert [(case.kind, case.reader, case.damage, case.text) for case in fuzz.bad] == []
    assert sum(fuzz.counts.values()) == len(readers), "the machine is too slow for the sample"
    refused = {reader for reader, kind in fuzz.counts if kind == "refused"}
    # A damaged entry of the cache is made anew.
    assert refused == set(seeds) - {"cache"}


def test_cases_are_the_same_each_time(seeds: dict[str, list[Path]], tmp_path: Path) -> None:
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        for number in range(20):
            folder = tmp_path / name / str(number)
            path, damage = make_case(seeds["label"][0], folder, random.Random(number))
            made.append((damage, path.read_bytes() if damage == "damaged" else b""))
    assert made[:20] == made[20:]
