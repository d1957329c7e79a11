"""What is made of a source's frames and results: records, pictures, and a video of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

from vssn.media import outputs
from vssn.media.pipeline import Sink, WriteBehind
from vssn.media.video import VideoSource
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.annotators import Annotator, DrawingSink, SceneSink
from vssn.scene.records import open_records
from vssn.types import FrameResult, TimedFrame, UInt8Array

FrameSink = Sink[[TimedFrame, FrameResult]]
PictureSink = Sink[[UInt8Array, Fraction]]


def open_annotation(
    stack: ExitStack,
    source: VideoSource,
    scene: tuple[SceneAnalyser, Annotator],
    output: str | Path | None,
    records: str | Path | None,
    sinks: Sequence[FrameSink],
    pictures: Sequence[PictureSink],
) -> tuple[SceneSink | None, outputs.OutputSink | None]:
    """Open everything that is asked for.

    Args:
        stack: closes the records and the output.
        source: what the frames are from; its sound goes into the output.
        scene: finds and draws the objects.
        output: see :func:`vssn.annotate_video`, as for the next ones.
        records: likewise.
        sinks: likewise.
        pictures: likewise.

    Returns:
        What takes each frame with its result, None where nothing is asked for; and the output's
        writer, None without one.

    Raises:
        BadInputError: a file can't be written, or its name says no kind that there is.
    """
    analyser, annotator = scene
    taking: list[FrameSink] = [*sinks]
    if records is not None:
        taking.append(stack.enter_context(open_records(records, source=source.name)))
    writer, drawn = None, [*pictures]
    if output is not None:
        # Closed by WriteBehind; an interruption may come before that has it.
        writer = stack.enter_context(outputs.open_sink(output, annotator.info, audio_from=source))
        drawn.append(stack.enter_context(WriteBehind(writer)))
    if drawn:
        taking.append(DrawingSink(annotator, drawn))
    return SceneSink(analyser, taking) if taking else None, writer
