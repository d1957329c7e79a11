"""Opening videos through PyAV: what may be opened, how long it may take, and how failures read."""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

import av
from av import VideoFormat
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vssn.errors import MediaError, argument
from vssn.files import open_regular
from vssn.media.packets import close, watched
from vssn.media.watched_file import Readable, Watched, WatchedFile

logger = logging.getLogger(__name__)

# FFmpeg's demuxers that read nothing but the file they are given: no playlists, no concat scripts,
# no text that is drawn as a terminal.
FORMATS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "mxf", "gxf"),
    *("gif", "apng", "h264", "hevc", "m4v", "obu", "ivf", "av1", "dv", "yuv4mpegpipe"),
    *("mjpeg", "mpjpeg", "nut", "rm", "wtv", "3gp", "vc1", "swf"),
)
# What programs pipe without a container: images one after the other.
PIPE_FORMATS = (*FORMATS, "jpeg_pipe", "png_pipe")
# A URL may also lead to a stream that is announced in pieces.
LIVE_FORMATS = (*FORMATS, "rtsp", "rtp", "sdp", "hls", "live_flv", "mpegtsraw")
LIVE_PROTOCOLS = "http,https,tcp,tls,crypto,data,rtsp,rtp,udp,srt,rtmp,rtmps,httpproxy,ftp"

MAX_PIXELS = 1 << 27  # 134 million: larger than any camera, and 400 MB as BGR
OPEN_TIMEOUT_S = 8.0
READ_TIMEOUT_S = 8.0
HEAD_BYTES = 1 << 20

EXPECTED = "a video file that FFmpeg can read"


def refuse(name: str, what: str, remedy: str) -> MediaError:
    """The error for a source that can't be used."""
    return MediaError(f"video '{name}' ({what})", EXPECTED, remedy)


def check_regular(path: Path, name: str | None = None) -> int:
    """Return a file's size in bytes.

    Args:
        path: of the file.
        name: for messages; None for the path.

    Raises:
        MediaError: missing, empty, unreadable, or not a regular file.
    """
    name = name or str(path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise refuse(name, what, "pass a video file")
        # What may not be read is told here, by its own name.
        os.close(os.open(path, os.O_RDONLY))
    except FileNotFoundError as error:
        raise refuse(name, "no such file", "check the path") from error
    except PermissionError as error:
        raise refuse(name, "no permission to read it", "change its permissions") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise refuse(name, str(reason), "check the path") from error
    if not status.st_size:
        raise refuse(name, "an empty file", "copy or download it again")
    return status.st_size


def _check_begun(path: Path, name: str) -> None:
    """Refuse a file of holes, such as a download left that has only got its place.

    FFmpeg would look for the first frame of some formats to the file's end.
    """
    with open_regular(path, 1 << 62, "video") as file:
        head = file.read(HEAD_BYTES)
    if not any(head):
        raise refuse(name, "it begins with nothing but zeros", "copy or download it again")


def open_file(path: Path, name: str | None = None) -> InputContainer:
    """Open a video file; nothing else is opened, whatever the file says.

    :func:`vssn.media.packets.close` closes it.

    Args:
        path: of the file.
        name: for messages; None for the path.

    Raises:
        MediaError: missing, unreadable, or no video.
    """
    check_regular(path, name)
    _check_begun(path, name or str(path))
    options = {
        "protocol_whitelist": "",
        "format_whitelist": ",".join(FORMATS),
        "max_pixels": str(MAX_PIXELS),
    }
    source = WatchedFile(path)
    try:
        return av.open(
            source,
            "r",
            options=options,
            metadata_errors="replace",
            timeout=(OPEN_TIMEOUT_S, None),
        )
    except (OSError, av.FFmpegError, ValueError) as error:
        source.close()
        what = f"damaged or no video: {reason(error)}"
        raise refuse(name or str(path), what, "check that another player opens it") from error
    except BaseException:
        source.close()
        raise


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A video that was written here, open as long as the context; see :func:`open_file`."""
    container = open_file(path)
    source = watched(container)
    try:
        if source is not None:
            source.trust()
        yield container
    finally:
        close(container)


def open_pipe(pipe: Readable) -> InputContainer:
    """Open a video that arrives through a pipe.

    Raises:
        MediaError: it holds no video.
    """
    options = {"protocol_whitelist": "", "format_whitelist": ",".join(PIPE_FORMATS)}
    source = Watched(pipe, patient=True)
    try:
        container = av.open(source, "r", options=options, metadata_errors="replace")
        source.raise_interrupt()
        return container
    except (OSError, av.FFmpegError, ValueError) as error:
        source.raise_interrupt()
        raise refuse(
            "-",
            f"no video on the standard input: {reason(error)}",
            f"pipe a video file or Y4M, or state {argument('raw_size')} of raw frames",
        ) from error


def open_raw(
    path: Path | None, size_wh: tuple[int, int], pixels: str, fps: float
) -> InputContainer:
    """Open frames without any header, from a file or, for None, from the standard input.

    Args:
        path: of the file.
        size_wh: of the frames in px.
        pixels: FFmpeg's name of their pixel format, such as ``bgr24``.
        fps: frames per second.

    Raises:
        MediaError: it can't be read, or there is no such size or pixel format.
    """
    if path is not None:
        check_regular(path)
    try:
        VideoFormat(pixels)
    except ValueError as error:
        raise MediaError(
            argument("raw_pixels", pixels), "a format such as bgr24 or yuv420p", "choose one"
        ) from error
    options = {
        "protocol_whitelist": "file,pipe",
        "video_size": f"{size_wh[0]}x{size_wh[1]}",
        "pixel_format": pixels,
        "framerate": str(Fraction(fps).limit_denominator(100_000)),
    }
    try:
        name = "pipe:0" if path is None else f"file:{path.absolute()}"
        return av.open(name, "r", format="rawvideo", options=options, metadata_errors="replace")
    except (OSError, av.FFmpegError, ValueError) as error:
        raise refuse(str(path or "-"), reason(error), "check the size of its frames") from error


def open_url(url: str) -> InputContainer:
    """Open a network stream; gives up after some seconds.

    Raises:
        MediaError: nobody answers, or there is no video.
    """
    begun = time.monotonic()
    options = {
        "protocol_whitelist": LIVE_PROTOCOLS,
        "format_whitelist": ",".join(LIVE_FORMATS),
        "rtsp_transport": "tcp",
        "max_pixels": str(MAX_PIXELS),
    }
    try:
        return av.open(
            url,
            "r",
            options=options,
            metadata_errors="replace",
            timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
        )
    except (OSError, av.FFmpegError, ValueError) as error:
        # Some protocols tell another error where they were interrupted.
        late = time.monotonic() - begun >= OPEN_TIMEOUT_S
        what = f"no answer within {OPEN_TIMEOUT_S:g} s" if late else _unknown_host(url, error)
        raise MediaError(
            f"stream '{printable_url(url)}' ({what})",
            "a video stream that answers",
            "check the address and the network",
        ) from error


def _unknown_host(url: str, error: Exception) -> str:
    """What went wrong; where FFmpeg names no reason, whether the host has no address."""
    if getattr(error, "errno", None) == errno.EIO and (host := urlsplit(url).hostname):
        try:
            socket.getaddrinfo(host, None)
        except (OSError, UnicodeError):
            return f"no host of the name '{host}'"
    return reason(error)


def printable_url(url: str) -> str:
    """The URL without the user's name and password."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def reason(error: Exception) -> str:
    """What went wrong, without the file's name and FFmpeg's numbers."""
    if isinstance(error, av.error.ArgumentError):  # its demuxer is not among those allowed
        return "a kind of file that is not opened here"
    text = getattr(error, "strerror", None) or str(error)
    return str(text)[:200]


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream to decode: no cover picture; of several the default one, else the first.

    Raises:
        MediaError: there is none, or this FFmpeg has no decoder for it.
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        raise refuse(name, "it holds no video", "check that another player shows a picture")
    defaults = [s for s in streams if s.disposition & Disposition.default]
    stream: VideoStream = (defaults or streams)[0]
    if len(streams) > 1:
        logger.info(
            "video '%s' holds %d videos; number %d is taken",
            *(name, len(streams), streams.index(stream) + 1),
        )
    if stream.codec_context is None:
        raise refuse(
            name,
            "its codec can't be decoded here",
            "re-encode it: ffmpeg -i INPUT -c:v libx264 OUTPUT.mp4",
        )
    return stream
