"""The report of a job as a page that needs nothing else: ``report.html``."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vssn.evaluation.page_content import shown as printable
from vssn.evaluation.page_template import render_static
from vssn.fleet.job import FleetRun
from vssn.fleet.manifest import DONE, JOINED, Manifest
from vssn.fleet.places import Place, shown

NAME = "report.html"
BINS = 60
WIDTH, HEIGHT = 900, 140  # of the plot, in its own units
LISTED = 20
SLOW = 2.0  # a straggler takes so many times the median time per frame

Rows = npt.NDArray[Any]


def write_report(run: FleetRun, manifest: Manifest, place: Place) -> None:
    """Write the page.

    Raises:
        MediaError: it can't be written.
    """
    place.write(NAME, report_page(run, manifest, time.time()).encode())


def report_page(run: FleetRun, manifest: Manifest, now: float) -> str:
    """The page as text.

    Args:
        run: the figures.
        manifest: of the job.
        now: when the call ended, in s since 1970.
    """
    rows = manifest.asked_rows
    over = rows[np.isin(rows["status"], (DONE, JOINED))]
    recent = over[over["finished"] >= now - run.seconds]
    parts = [
        _notes(run),
        _tiles(run, recent),
        _throughput(recent, now - run.seconds, now),
        _failures(run),
        _stragglers(over, manifest),
        _slowest(over, manifest),
        _nodes(over),
    ]
    return render_static(f"Job in {run.place}", "\n".join(filter(None, parts)))


def _text(value: object) -> str:
    return html.escape(str(printable(str(value))))


def _notes(run: FleetRun) -> str:
    notes = []
    if run.failures:
        notes.append(f"{len(run.failures)} chunks or inputs failed; they are listed below.")
    if run.truncated:
        notes.append(f"Cut short, so that their end is missing: {', '.join(run.truncated)}.")
    items = "".join(f"<li>{_text(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _tiles(run: FleetRun, recent: Rows) -> str:
    frames, busy = int(recent["frames"].sum()), float(recent["seconds"].sum())
    rate = frames / run.seconds if run.seconds else 0.0
    per_frame = 1000 * busy / frames if frames else 0.0
    share = 100 * run.segmented / run.frames if run.frames else 0.0
    tiles = [
        ("Inputs done", f"{run.joined} of {run.inputs}", f"{len(run.failures)} failures"),
        ("Chunks", f"{run.chunks}", f"{run.worked} in this run"),
        ("Frames", f"{run.frames:,}", f"{share:.0f} % segmented"),
        ("Throughput", f"{rate:.1f} fps", f"over {run.seconds:.0f} s"),
        ("A worker's time per frame", f"{per_frame:.0f} ms", "reading and writing too"),
    ]
    cells = "".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(figure)}</dd><dd>{_text(detail)}</dd></div>"
        for name, figure, detail in tiles
    )
    return f'<dl class="tiles">{cells}</dl>'


def _throughput(recent: Rows, begun: float, now: float) -> str:
    """Frames per second over the run, of the chunks that ended in each span of it."""
    if not len(recent) or now <= begun:
        return ""
    span = (now - begun) / BINS
    counts, _ = np.histogram(
        recent["finished"], bins=BINS, range=(begun, now), weights=recent["frames"]
    )
    rates = counts / span
    top = float(rates.max()) or 1.0
    points = " ".join(
        f"{WIDTH * (place + side) / BINS:.0f},{HEIGHT * (1 - rate / top):.1f}"
        for place, rate in enumerate(rates.tolist())
        for side in (0, 1)
    )
    return (
        '<section class="panel"><h2>Throughput</h2>'
        f'<p class="hint">Frames per second of the chunks that ended in each {span:.1f} s; '
        f"the highest is {top:.1f}.</p>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 16}" width="100%" role="img" '
        f'aria-label="Frames per second over time">'
        f'<line class="grid" x1="0" x2="{WIDTH}" y1="{HEIGHT}" y2="{HEIGHT}"></line>'
        f'<polyline class="curve" points="{points}"></polyline>'
        f'<text x="0" y="{HEIGHT + 14}">0 s</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 14}" text-anchor="end">{now - begun:.0f} s</text>'
        "</svg></section>"
    )


def _table(title: str, hint: str, head: Sequence[str], body: Iterable[Sequence[object]]) -> str:
    rows = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in body)
    if not rows:
        return ""
    heads = "".join(f"<th>{_text(name)}</th>" for name in head)
    return (
        f'<section class="panel"><h2>{_text(title)}</h2><p class="hint">{_text(hint)}</p>'
        f'<div class="scroll"><table class="facts"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _failures(run: FleetRun) -> str:
    body = [
        (failure.source, "" if failure.chunk is None else failure.chunk, failure.error)
        for failure in run.failures[:1000]
    ]
    return _table("Failures", "Tried again by --resume.", ("Source", "Chunk", "Error"), body)


def _ms_per_frame(rows: Rows) -> npt.NDArray[np.float64]:
    return np.asarray(1000 * rows["seconds"] / np.maximum(rows["frames"], 1), np.float64)


def _stragglers(over: Rows, manifest: Manifest) -> str:
    rows = over[over["frames"] > 0]
    if not len(rows):
        return ""
    times = _ms_per_frame(rows)
    median = float(np.median(times))
    order = np.argsort(times)[::-1][:LISTED]
    body = [
        (
            shown(manifest.inputs[rows["input"][n]].source),
            int(rows["chunk"][n]),
            f"{times[n]:.0f}",
            f"{times[n] / median:.1f}",
            rows["node"][n].decode("utf-8", "replace"),
        )
        for n in order.tolist()
        if times[n] > SLOW * median
    ]
    hint = f"Chunks that took more than {SLOW:g} times the median of {median:.0f} ms per frame."
    heads = ("Source", "Chunk", "ms per frame", "times the median", "Worker")
    return _table("Stragglers", hint, heads, body)


def _slowest(over: Rows, manifest: Manifest) -> str:
    count = len(manifest.inputs)
    seconds = np.bincount(over["input"], over["seconds"], count)
    frames = np.bincount(over["input"], over["frames"], count)
    segmented = np.bincount(over["input"], over["segmented"], count)
    body = [
        (
            shown(manifest.inputs[n].source),
            f"{seconds[n]:.1f}",
            int(frames[n]),
            f"{1000 * seconds[n] / frames[n]:.0f}",
            f"{100 * segmented[n] / frames[n]:.0f} %",
        )
        for n in np.argsort(seconds)[::-1][:LISTED].tolist()
        if frames[n]
    ]
    heads = ("Source", "seconds of work", "frames", "ms per frame", "segmented")
    return _table("Slowest videos", "By the time that all their chunks took.", heads, body)


def _nodes(over: Rows) -> str:
    names = np.array([name.partition(b":")[0] for name in over["node"].tolist()], "S24")
    body = []
    for name in np.unique(names):
        rows = over[names == name]
        frames, seconds = int(rows["frames"].sum()), float(rows["seconds"].sum())
        rate = f"{frames / seconds:.1f}" if seconds else ""
        body.append((name.decode("utf-8", "replace"), len(rows), frames, f"{seconds:.1f}", rate))
    heads = ("Node", "chunks", "frames", "seconds of work", "frames per second and worker")
    return _table("Nodes", "What each machine did.", heads, body)
