"""Sound beside the pictures: where it begins, what hides it, how many channels it has."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from made_clips import made_frame, make_clip, sound_packets

from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource

RATE = 48_000
TWENTY = [made_frame(number) for number in range(20)]


def copy(source: Path, target: Path) -> Path:
    with (
        VideoSource(source) as frames,
        VideoSink(target, frames.info, audio_from=frames) as sink,
    ):
        for frame in frames.iter_timed():
            sink.write(frame.frame_bgr, frame.time)
    return target


def with_sound(
    path: Path, codec: str, layout: str = "mono", start_s: float = 0.0, samples: int = 1024
) -> Path:
    """A video of 0.8 s with half a second of noise from ``start_s`` on."""
    channels = av.AudioLayout(layout).nb_channels
    noise = np.random.default_rng(0).integers(-9000, 9000, (RATE // 2, channels))
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "bgr0"
        audio: Any = container.add_stream(codec, rate=RATE)
        audio.codec_context.layout = layout
        for number, frame_bgr in enumerate(TWENTY):
            frame = av.VideoFrame.from_ndarray(frame_bgr, "bgr24").reformat(format="bgr0")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(video.encode(frame))
        for at in range(0, len(noise), samples):
            part = np.ascontiguousarray(noise[at : at + samples].astype(np.int16)).reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
            sound.sample_rate, sound.time_base = RATE, Fraction(1, RATE)
            sound.pts = round(start_s * RATE) + at
            container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
    return path


def heard(path: Path) -> tuple[float, float]:
    """When sound is first and last heard, in s since the first picture."""
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).time
    loud: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = np.abs(frame.to_ndarray().astype(float)).reshape(-1)
            level = 1000 * (1 if frame.format.name.startswith("s16") else 1 / 32768)
            loud += [frame.time + at / frame.sample_rate for at in np.flatnonzero(samples > level)]
    return min(loud) - first, max(loud) - first


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi"])
@pytest.mark.parametrize("codec", ["pcm_s16le", "flac"])
def test_sound_that_begins_late_stays_late(tmp_path: Path, suffix: str, codec: str) -> None:
    source = with_sound(tmp_path / "s.mkv", codec, start_s=0.3)
    begin, end = heard(copy(source, tmp_path / f"v{suffix}"))
    assert begin == pytest.approx(0.3, abs=0.03)
    assert end == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_sound_that_an_edit_list_hides_stays_hidden(tmp_path: Path, suffix: str) -> None:
    whole = make_clip(tmp_path / "whole.mp4", TWENTY, tone_s=0.8, options={"g": "1"})
    trimmed = tmp_path / "s.mp4"
    # What a phone's "trim" does: nothing is encoded again, the part before is hidden.
    with (
        av.open(str(whole)) as given,
        av.open(str(trimmed), "w", options={"avoid_negative_ts": "disabled"}) as container,
    ):
        copies = {s.index: container.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                shift = round(Fraction(2, 5) / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copies[packet.stream.index]
                container.mux(packet)
    with av.open(str(trimmed)) as container:
        hidden = sum(packet.is_discard for packet in container.demux(audio=0))
    assert hidden > 10
    made = copy(trimmed, tmp_path / f"v{suffix}")
    # One more packet stays, which the first one heard needs, where the container has times for it.
    kept = sound_packets(trimmed)[hidden - 1 :]
    assert sound_packets(made) == kept[suffix == ".avi" :]
    with av.open(str(made)) as container:
        assert next(container.decode(video=0)).time < 0.05


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".avi"])
def test_six_channels_stay_six(tmp_path: Path, suffix: str) -> None:
    source = with_sound(tmp_path / "s.mkv", "pcm_s24le", layout="5.1")
    with av.open(str(copy(source, tmp_path / f"v{suffix}"))) as container:
        assert container.streams.audio[0].codec_context.channels == 6


def test_packets_shorter_than_the_times_unit_are_joined(tmp_path: Path) -> None:
    # As of TrueHD: 40 samples, while Matroska counts in ms.
    source = with_sound(tmp_path / "s.mkv", "pcm_s24le", samples=40)
    with av.open(str(copy(source, tmp_path / "v.avi"))) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples == RATE // 2
