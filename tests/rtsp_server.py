"""A small RTSP camera (RFC 2326): sends a transport stream over RTP inside its TCP connection."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
import time
from collections.abc import Iterator

DESCRIPTION = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 33\r\na=control:track1\r\n"
)
PAYLOAD_BYTES = 7 * 188
TRANSPORT_STREAM = 33  # its RTP payload type, RFC 3551


class Camera(socketserver.ThreadingTCPServer):
    """Serves one transport stream to each client.

    Attributes:
        content: the transport stream.
        seen: how many clients asked to play.
        refused: of which clients, by their number from 1, the request is refused.
        silent: which clients get half of the stream, and then nothing, over an open connection.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.content = content
        self.seen = 0
        self.refused: set[int] = set()
        self.silent: set[int] = set()
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.server_address[1]}/camera"


class _Client(socketserver.StreamRequestHandler):
    server: Camera

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while line := self.rfile.readline():
                method, url = line.decode().split()[:2]
                headers = self._headers()
                if not self._answer(method, url, headers):
                    return

    def _headers(self) -> dict[str, str]:
        headers = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers

    def _answer(self, method: str, url: str, headers: dict[str, str]) -> bool:
        extra, body, status = "", "", "200 OK"
        if method == "OPTIONS":
            extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            self.server.seen += 1
            if self.server.seen in self.server.refused:
                status = "503 Service Unavailable"
            else:
                body = DESCRIPTION
                extra = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n"
        elif method == "SETUP":
            extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        elif method == "PLAY":
            extra = "Session: 1\r\n"
        self.wfile.write(
            f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{extra}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        if method == "PLAY":
            self._play(self.server.seen)
        return method not in ("PLAY", "TEARDOWN")

    def _play(self, number: int) -> None:
        content = self.server.content
        silent = number in self.server.silent
        for count, at in enumerate(range(0, len(content) // (2 if silent else 1), PAYLOAD_BYTES)):
            payload = content[at : at + PAYLOAD_BYTES]
            header = struct.pack(">BBHII", 0x80, TRANSPORT_STREAM, count, count * 3600, 1)
            self.wfile.write(struct.pack(">cBH", b"$", 0, len(header) + len(payload)))
            self.wfile.write(header + payload)
        if silent:
            self.server.ended.wait(20)
        time.sleep(0.05)


@contextlib.contextmanager
def camera(content: bytes) -> Iterator[Camera]:
    """A camera on this machine, as long as the ``with`` statement lasts."""
    with Camera(content) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()
