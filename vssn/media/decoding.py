"""Decoding a container's video, frame by frame, past what is damaged."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from copy import copy
from fractions import Fraction
from itertools import chain
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame

from vssn.media.containers import MAX_PIXELS, refuse, video_stream
from vssn.media.losses import Losses
from vssn.media.packets import PacketReader
from vssn.media.picture import FrameConverter, oddities, orientation, pixel_aspect
from vssn.types import UInt8Array, VideoInfo

logger = logging.getLogger(__name__)

FALLBACK_FPS = Fraction(25)
MIN_FPS, MAX_FPS = Fraction(1, 1000), Fraction(1000)
USUAL_MAX_FPS = 240
# Above this, a frame is decoded by several threads; below, one keeps up, and each packet's
# failure is told with that packet.
THREADED_PIXELS = 1280 * 720
# Formats that know no times: FFmpeg counts packets, in the order of decoding, and guesses the rest.
COUNTED_FORMATS = {"avi", "h264", "hevc", "m4v", "mpegvideo", "mjpeg", "vc1", "obu"}
# A jump back by more is a clock that began anew, as in joined transport streams.
RESTART_S = 1
RESTART_FRAMES = 3
# How far before a time a key frame is looked for, one after another; the last is the start.
SEEK_BACK_S = (0, 1, 5, 30, 10**9)


class Decoder:
    """A container's video stream as upright BGR frames with their times.

    Attributes:
        info: size as seen, rate, and the frame count that the container states.
        losses: which frames are missing so far.
        packets: how many packets of the stream were read.
        incomplete: whether the last packet or frame read was damaged, as where a file is cut.
    """

    def __init__(self, container: InputContainer, name: str, fps: Fraction | None = None) -> None:
        """Decode the first frame.

        Args:
            container: open; closed by the caller.
            name: of the source, for messages.
            fps: frames per second, where the container is known not to tell.

        Raises:
            MediaError: no video, or not one frame can be decoded.
        """
        self.losses = Losses()
        self.packets = 0
        self.incomplete = False
        self._name = name
        self._container = container
        self._stream = video_stream(container, name)
        self._prepare_threads()
        self._packets = PacketReader(container, self._stream)
        self._rate = fps or self._stated_rate()
        self._period = 1 / self._rate
        self._counted = container.format.name in COUNTED_FORMATS
        self._gaps = self._stumbles = 0
        self._last: Fraction | None = None
        self._behind = 0
        self._new_zero = Fraction(0)
        self._told: set[str] = set()
        self._converter = FrameConverter()
        self._frames = self._iter_decoded()
        self._first = next(self._frames, None)
        if self._first is None:
            raise refuse(name, "not one frame can be decoded", "copy or download it again")
        self._orientation = orientation(self._first)
        self._stored_wh = (self._first.width, self._first.height)
        self._zero = self._start()
        if self._counted and self._stream.codec_context.has_b_frames and self._first.dts:
            # Frames that the decoder reorders are counted from the first that it gives.
            self._zero = self._first.dts * Fraction(self._first.time_base or 1)
        self.info = self._describe()

    def _prepare_threads(self) -> None:
        context = self._stream.codec_context
        if context.width * context.height > THREADED_PIXELS:
            context.thread_type = "AUTO"
        context.options = {"max_pixels": str(MAX_PIXELS)}
        for stream in self._container.streams:
            if stream.index != self._stream.index:
                stream.discard = av.stream.Discard.all

    def _stated_rate(self) -> Fraction:
        stream = self._stream
        stated = [stream.average_rate, stream.guessed_rate, stream.base_rate]
        rates = [Fraction(rate) for rate in stated if rate and MIN_FPS <= rate <= MAX_FPS]
        # Some encoders state the unit of their time stamps instead of the rate.
        for rate in [rate for rate in rates if rate <= USUAL_MAX_FPS] or rates:
            return rate
        logger.warning(
            "video '%s' states no usable frame rate; taking %g", self._name, FALLBACK_FPS
        )
        return FALLBACK_FPS

    @property
    def lost(self) -> int:
        """How many frames could not be decoded so far."""
        return self.losses.lost

    @property
    def error(self) -> Exception | None:
        """What ended the reading before the end, or None."""
        return self._packets.error

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return self._rate

    @property
    def stated_packets(self) -> int:
        """How many packets the container's index names; 0 where it has none."""
        return int(self._stream.frames)

    @property
    def stated_end(self) -> Fraction | None:
        """Where the stream ends, in s since its start, if the container tells it."""
        if self.stated_packets and self._stream.duration and self._stream.time_base:
            return self._stream.duration * Fraction(self._stream.time_base)
        hours, _, rest = self._stream.metadata.get("DURATION", "").partition(":")  # Matroska
        minutes, _, seconds = rest.partition(":")
        try:
            end = Fraction(int(hours) * 3600 + int(minutes) * 60) + Fraction(seconds)
        except (ValueError, ZeroDivisionError):
            return None
        return end - self._start()

    def _frame_count(self) -> int | None:
        stated = self.stated_packets
        duration, base = self._stream.duration, self._stream.time_base
        if not stated or not duration or not base:
            return stated or None
        # An edit list hides packets that the index counts.
        return min(stated, round(duration * base * self._rate) or stated)

    def _describe(self) -> VideoInfo:
        width, height = self._stored_wh
        aspect = pixel_aspect(self._stream.sample_aspect_ratio)
        if self._orientation.swaps_sides:
            width, height, aspect = height, width, 1 / aspect
        base = self._stream.time_base
        return VideoInfo(
            width, height, float(self._rate), self._frame_count(), aspect, base and Fraction(base)
        )

    def seek(self, time: Fraction) -> None:
        """Go to a frame at or before a time; stay where the container can't seek.

        Containers without an index, such as MPEG-TS, land after the time now and then; going back
        further is tried then. Counted frames that are reordered, and those of an MPEG program
        stream, whose packets have a time now and then, have no exact ones but from the start.
        """
        reordered = self._counted and self._stream.codec_context.has_b_frames
        if reordered or self._container.format.name == "mpeg":
            return
        losses = copy(self.losses)
        for back_s in SEEK_BACK_S:
            target = max(Fraction(0), time - back_s)
            if not self._jump(target):
                return
            first = next(self._frames, None)
            reached = None if first is None else self._time(first)
            self._first, self._last, self.losses = first, None, copy(losses)
            if target == 0 or (reached is not None and reached <= time):
                return

    def _jump(self, time: Fraction) -> bool:
        base = self._stream.time_base
        try:
            if not base:
                return False
            self._container.seek(
                int((time + self._start()) / base), stream=self._stream, backward=True
            )
        except (OSError, av.FFmpegError):
            return False
        self._frames.close()
        self._packets.restart()
        self._first = self._last = None
        self._frames = self._iter_decoded()
        return True

    def _start(self) -> Fraction:
        """The stream's own zero, in seconds."""
        base, start = self._stream.time_base, self._stream.start_time
        return Fraction(base) * start if base and start is not None else Fraction(0)

    def __iter__(self) -> Iterator[tuple[Fraction, UInt8Array]]:
        """Yield times, in s since the stream's start, and (H, W, 3) uint8 BGR frames."""
        first, self._first = self._first, None
        for frame in chain([first] if first else [], self._frames):
            before, time = self._last, self._time(frame)
            step = None if self._counted or before is None else (time - before) * self._rate
            self.losses.frame(step, frame.is_corrupt)
            try:
                picture = self._picture(frame)
            except (av.FFmpegError, OSError):
                self.losses.fail()
                continue
            yield time, picture

    def _iter_decoded(self) -> Generator[VideoFrame, None, None]:
        for packet in self._packets:
            self._note(packet)
            try:
                frames = packet.decode()
            except (av.FFmpegError, OSError):
                if packet.size:
                    self.losses.fail()
                self.incomplete = True
                continue
            if packet.size or frames:
                self.incomplete = packet.is_corrupt or any(frame.is_corrupt for frame in frames)
            yield from frames
            if frames:
                self._packets.found_use()
        if self.error is not None:  # else an empty packet at the end has done this
            yield from self._held_back()

    def _note(self, packet: Packet[Any]) -> None:
        self.packets += bool(packet.size)
        if packet.is_corrupt or self._packets.stumbles > self._stumbles:
            self._stumbles = self._packets.stumbles
            self.losses.suspect()
        if self._packets.gaps > self._gaps:
            self._gaps = self._packets.gaps
            if self._counted:  # else the times around tell how much is missing
                self.losses.fail()
            self.losses.suspect()

    def _held_back(self) -> list[VideoFrame]:
        try:
            return self._stream.decode(None)
        except (av.FFmpegError, OSError):
            return []

    def _time(self, frame: VideoFrame) -> Fraction:
        stamp = frame.dts if self._counted or frame.pts is None else frame.pts
        after = Fraction(0) if self._last is None else self._last + self._period
        if stamp is None or not frame.time_base:
            time = after
        else:
            time = stamp * Fraction(frame.time_base) - self._zero
            if self._last is not None and time <= self._last:
                self._note_restart(time, after)
                time = after
            else:
                self._behind = 0
        self._last = time
        return time

    def _note_restart(self, time: Fraction, after: Fraction) -> None:
        """Take a jump back for a clock's new beginning once it lasts; damage mixes the order."""
        if not self._behind:
            self._new_zero = self._zero + time - after
        if self._last is not None and time < self._last - RESTART_S:
            self._behind += 1
        if self._behind == RESTART_FRAMES:
            self._zero, self._behind = self._new_zero, 0

    def _picture(self, frame: VideoFrame) -> UInt8Array:
        for oddity in oddities(frame):
            self._warn_once(f"is {oddity}")
        if (frame.width, frame.height) != self._stored_wh:
            self._warn_once("changes its size; its frames are scaled to the first one's")
        return self._orientation.apply(self._converter.to_bgr(frame, self._stored_wh))

    def _warn_once(self, what: str) -> None:
        if what not in self._told:
            self._told.add(what)
            logger.warning("video '%s' %s", self._name, what)
