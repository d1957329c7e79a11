"""What is tried: every reader, called as the commands call it, on a folder of files.

Each takes the case's folder and the file in it; whatever it imports is loaded before the clock
and the memory limit start.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

Reader = Callable[[Path], object]

MAX_FRAMES = 300
MAX_STREAM_BYTES = 1 << 24


def _image() -> Reader:
    from vssn.media.images import read_image_bgr

    return read_image_bgr


def _label() -> Reader:
    from vssn.media.images import read_label

    return read_label


def _list() -> Reader:
    from vssn.data.dataset import dataset_frames
    from vssn.data.lists import read_list

    return lambda path: dataset_frames(path.parent, read_list(path))


def _features() -> Reader:
    from vssn.training.feature_set import read_feature_set

    return lambda path: read_feature_set(path.parent)


def _config() -> Reader:
    from vssn.checkpoints.segnet_weights import read_segnet_config

    return read_segnet_config


def _int8() -> Reader:
    from vssn.runtime.int8_ranges import read_ranges

    return lambda path: read_ranges(path.with_name("weights.h5"), "0" * 64)


def _schedule() -> Reader:
    from vssn.checkpoints.confidence_fit import read_fits

    return lambda path: read_fits(path.with_name("weights.h5"))


def _camera() -> Reader:
    from vssn.scene.camera import Camera

    return lambda path: Camera.from_json(path).scaled_to(64, 48)


def _palette() -> Reader:
    from vssn.scene.palettes import load_palette

    return load_palette


def _rules() -> Reader:
    from vssn.training.sources import read_source

    return lambda path: read_source(path.parent)


class _Variable:
    """Stands for a network's variable."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._value = np.zeros(shape, np.float32)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        return self._value

    def assign(self, value: np.ndarray) -> None:
        self._value = value


class _Task:
    """A training of one epoch, which is over."""

    steps_per_epoch = 1

    def __init__(self, shapes: tuple[tuple[int, ...], ...]) -> None:
        self._variables = [_Variable(shape) for shape in shapes]

    def variables(self) -> list[Any]:
        return self._variables

    def batches(self, epoch: int) -> Any:
        return iter([(epoch,)])

    def train_step(self, *_: Any) -> dict[str, float]:
        return {"loss": 1.0}

    def validate(self) -> dict[str, float]:
        return {"error": 1.0}

    def is_better(self, metrics: dict[str, float], best: dict[str, float]) -> bool:
        return metrics["error"] < best["error"]

    def save(self, directory: Path, best: bool) -> None:
        pass


def _state() -> Reader:
    from vssn.training.loop import LoopConfig, train

    shapes = ((3, 3), (3,))
    return lambda path: list(train(_Task(shapes), LoopConfig(2, path.parent, resume=True)))


def _hdf5() -> Reader:
    from vssn.checkpoints.hdf5 import read_layer_weights

    return read_layer_weights


def _tf1() -> Reader:
    from vssn.checkpoints.bundle import read_bundle
    from vssn.checkpoints.locate import locate_tf1

    return lambda path: read_bundle(locate_tf1(path.parent, "model.ckpt"))


def _graph() -> Reader:
    from vssn.checkpoints.frozen_weights import OtherNetworkError, read_frozen_weights
    from vssn.runtime.openvino_frozen import build_frozen_graph

    def read(path: Path) -> None:
        try:
            read_frozen_weights(path)
        except OtherNetworkError:
            build_frozen_graph(path)

    return read


def cached_network(folder: Path) -> None:
    """Load ``x + 1`` from a cache folder; anything else that comes back is a fault."""
    import openvino as ov
    import openvino.opset13 as ops

    from vssn.runtime.model_cache import ModelCache

    def build() -> ov.Model:
        x = ops.parameter([2], np.float32)
        return ov.Model([ops.add(x, np.ones(2, np.float32))], [x], "made")

    network: Any = ModelCache(folder, {"INFERENCE_PRECISION_HINT": "f32"}).load("made", {}, build)
    (result,) = network(np.array([1, 2], np.float32)).values()
    assert result.tolist() == [2, 3], f"the cache gave {result.tolist()}"


def _cache() -> Reader:
    import openvino  # noqa: F401

    return lambda path: cached_network(path.parent)


def _video() -> Reader:
    from vssn.media.video import VideoSource

    return lambda path: _iterate(VideoSource(path))


def _iterate(source: Any) -> None:
    from itertools import islice

    with source:
        for _ in islice(source, MAX_FRAMES):
            pass


def _frames() -> Reader:
    """A list of images as a video."""
    from vssn.media.video import VideoSource

    return lambda path: _iterate(VideoSource(path.with_name("frames.txt")))


def _pipe() -> Reader:
    from vssn.files import read_regular
    from vssn.media.video import VideoSource

    def read(path: Path) -> None:
        data = read_regular(path, MAX_STREAM_BYTES)
        out, into = os.pipe()
        os.dup2(out, 0)
        os.close(out)

        def feed() -> None:
            with contextlib.suppress(OSError), os.fdopen(into, "wb") as file:
                file.write(data)

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        try:
            _iterate(VideoSource("-"))
        finally:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the feeder meets a closed pipe
            thread.join()

    return read


class _Served(BaseHTTPRequestHandler):
    data = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(self.data)

    def log_message(self, *_: object) -> None:
        pass


def _url() -> Reader:
    """A video by HTTP, as a stream's first connection reads it."""
    from vssn.files import read_regular
    from vssn.media.containers import open_url
    from vssn.media.readers import ContainerReader

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Served)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/clip"

    def read(path: Path) -> None:
        from itertools import islice

        _Served.data = read_regular(path, MAX_STREAM_BYTES)
        with contextlib.closing(ContainerReader(open_url(url), url)) as reader:
            for _ in islice(reader.frames(Fraction(0)), MAX_FRAMES):
                pass

    return read


READERS: dict[str, Callable[[], Reader]] = {
    "image": _image,
    "label": _label,
    "list": _list,
    "features": _features,
    "config": _config,
    "int8": _int8,
    "schedule": _schedule,
    "camera": _camera,
    "palette": _palette,
    "rules": _rules,
    "state": _state,
    "hdf5": _hdf5,
    "tf1": _tf1,
    "graph": _graph,
    "cache": _cache,
    "video": _video,
    "frames": _frames,
    "pipe": _pipe,
    "url": _url,
}
