"""What is asked of a worker and what it answers; plain values that travel between machines."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar, Protocol

from vssn.config import SegmenterConfig
from vssn.errors import MediaError
from vssn.fleet.places import Place, shown
from vssn.json_files import loads, parse

logger = logging.getLogger(__name__)

FOLDER = "chunks"
DIGEST_LETTERS = 8
MAX_COUNT = (1 << 31) - 1  # that a manifest's row holds
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Input:
    """A video, or a data set's list.

    Attributes:
        name: of its result, no two alike; for a video with the suffix.
        source: its path or URL.
    """

    name: str
    source: str

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self.name.rpartition(".")[0] or self.name


@dataclass(frozen=True)
class InputPlan:
    """How an input is cut.

    Attributes:
        chunks: how many.
        origin: where the first begins, in s.
        end: where the last ends; None for the input's end.
    """

    chunks: int
    origin: Fraction = Fraction(0)
    end: Fraction | None = None

    def span(self, number: int, chunk_s: Fraction) -> tuple[Fraction, Fraction | None]:
        """Where a chunk begins and ends, in s; the last one ends with the input."""
        start = self.origin + number * chunk_s
        return start, self.end if number == self.chunks - 1 else start + chunk_s


def count_chunks(length: Fraction | None, chunk_s: Fraction) -> int:
    """How many chunks a length makes; one where it isn't known."""
    return max(1, -(-length // chunk_s)) if length else 1


@dataclass(frozen=True)
class ChunkResult:
    """What became of a chunk; as a JSON file it also marks the chunk as done.

    Attributes:
        frames: how many it has.
        segmented: how many of them were segmented; of frames in regions, how many regions.
        hash: SHA-256 of the labels of all frames.
        truncated: whether the source ended before its end.
        lost: frames that could not be decoded.
        seconds: that the work took.
        node: where.
        files: SHA-256 of each file written, by its name beside this one.
        more: what joining needs.
        reused: whether it was done before.
    """

    frames: int
    segmented: int
    hash: str
    truncated: bool = False
    lost: int = 0
    seconds: float = 0.0
    node: str = ""
    files: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    reused: bool = False

    def to_json(self) -> bytes:
        """As text."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> ChunkResult:
        """Read it back.

        Raises:
            ValueError: it is no such record; in words.
        """
        made: ChunkResult = parse(cls, loads(content))
        for name in ("frames", "segmented", "lost", "seconds"):
            if not 0 <= getattr(made, name) <= MAX_COUNT:
                raise ValueError(f"'{name}' is {getattr(made, name)}")
        if not made.node.isascii():
            raise ValueError("'node' is no name of a machine")
        for name, digest in (("the labels", made.hash), *made.files.items()):
            if not DIGEST.fullmatch(digest):
                raise ValueError(f"the SHA-256 of {name[:40]} is {digest[:80]!r}")
        return made


class DamagedChunkError(MediaError):
    """What tells of a chunk is no longer what was written."""


class Work(Protocol):
    """What a worker does; it is sent to each and holds no network before :meth:`load`.

    Attributes:
        place: where results go.
        job: tells apart what other settings made.
        config: of the segmenter.
        chunk_s: length of a chunk in s.
    """

    place: Place
    job: str
    config: SegmenterConfig
    chunk_s: Fraction

    def has_result(self, given: Input, there: set[str]) -> bool:
        """Whether an input's result is among the names in the place."""

    def forget(self, given: Input) -> None:
        """Remove what is left of an input's chunks."""

    def load(self) -> str:
        """Get ready; tell what computes, which must be the same everywhere."""

    def release(self) -> None:
        """Let go of what is kept on this node; nothing is asked afterwards."""

    def plan(self, given: Input) -> InputPlan:
        """Find out how an input is cut."""

    def chunk(self, given: Input, plan: InputPlan, number: int) -> ChunkResult:
        """Do a chunk, or read what became of it when it was done before."""

    def join(self, given: Input, plan: InputPlan) -> dict[str, Any]:
        """Make an input's result of its chunks, or read what became of it before."""


class ChunkFolder:
    """Where each chunk's result is kept until its input is joined; for a :class:`Work`.

    Attributes:
        place: see :class:`Work`.
        job: see :class:`Work`.
        suffixes: of the files that a chunk may have.
    """

    place: Place
    job: str
    suffixes: ClassVar[Collection[str]] = ()

    def check_more(self, more: dict[str, Any]) -> None:
        """Check what joining needs of a chunk, as it was read.

        Raises:
            ValueError: it is something else; in words.
        """

    def has_result(self, given: Input, there: set[str]) -> bool:
        """Whether an input's result is among the names in the place."""
        return given.name in there

    def forget(self, given: Input) -> None:
        """Remove what is left of an input's chunks."""
        self.place.remove(self._folder(given))

    def release(self) -> None:
        """Let go of what is kept on this node; nothing is by default."""

    def _folder(self, given: Input) -> str:
        digest = hashlib.sha256(shown(given.source).encode()).hexdigest()[:DIGEST_LETTERS]
        return f"{FOLDER}/{self.job}/{given.stem}-{digest}"  # names are of one call, sources not

    def _base(self, given: Input, number: int) -> str:
        """The name of a chunk's files, without their suffixes."""
        return f"{self._folder(given)}/{number:06d}"

    def _done_before(self, base: str) -> ChunkResult | None:
        """What became of a chunk, if it is done."""
        if self.place.size(f"{base}.json") is None:
            return None
        try:
            return replace(self._result(base), reused=True)
        except DamagedChunkError as error:
            logger.warning("%s; the chunk is done again", error.given)
            return None

    def _result(self, base: str) -> ChunkResult:
        name = f"{base}.json"
        try:
            result = ChunkResult.from_json(self.place.read(name))
            own = {f"{base.rpartition('/')[2]}{suffix}" for suffix in self.suffixes}
            for strange in sorted(result.files.keys() - own):
                raise ValueError(f"'{strange[:40]}' is no file of it")
            self.check_more(result.more)
            return result
        except ValueError as error:
            raise DamagedChunkError(
                f"chunk '{self.place.name_of(name)}' ({error})",
                "what was written there",
                "run again with --resume",
            ) from error

    def _results(self, given: Input, plan: InputPlan) -> Iterator[ChunkResult]:
        """What became of all chunks of an input."""
        return (self._result(self._base(given, number)) for number in range(plan.chunks))
