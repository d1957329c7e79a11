"""What the result of each of many sources is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

SUFFIX = ".mp4"


def result_names(sources: Sequence[str]) -> list[str]:
    """A result's name for each source, no two alike."""
    stems = [source_stem(source) for source in sources]
    shared = Counter(stems)
    taken: Counter[str] = Counter()
    names = []
    for source, stem in zip(sources, stems, strict=True):
        parent = Path(source).parent.name
        name = f"{parent}-{stem}" if shared[stem] > 1 and parent else stem
        taken[name] += 1
        names.append(f"{name}-{taken[name]}{SUFFIX}" if taken[name] > 1 else f"{name}{SUFFIX}")
    return names


def source_stem(source: str) -> str:
    """The part of a source's name that its result keeps."""
    if source == "-":
        return "standard-input"
    if source.isdecimal():
        return f"camera-{source}"
    name = Path(source.split("?")[0].rstrip("/")).stem
    safe = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in name)
    return safe.strip("._ ") or "video"
