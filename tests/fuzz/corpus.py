"""Small valid files of every kind that is read; ``python -m fuzz.corpus FOLDER`` makes them.

A seed is a folder with all that one call of a reader needs. It is made in a process of its own,
since TensorFlow writes some of the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from made_clips import made_frame, make_clip
from PIL import Image

from vssn.checkpoints.confidence_fit import ConfidenceFit, ConfidenceMap, write_fits
from vssn.checkpoints.hdf5 import LayerWeights, write_layer_weights
from vssn.checkpoints.segnet_weights import write_segnet_config
from vssn.json_files import write_json
from vssn.labels import NUM_OUTPUTS
from vssn.models.layout import FEATURE_SHAPE
from vssn.runtime.int8_ranges import write_ranges
from vssn.scene.camera import Camera
from vssn.training.feature_record import write_feature_record

SIDE_PX = 32
IMAGES = ("png", "jpg", "bmp", "tif", "webp", "ppm")
CODECS = {
    "mp4": "libx264",
    "mkv": "libx264",
    "avi": "mjpeg",
    "webm": "libvpx-vp9",
    "ts": "libx264",
    "mov": "mpeg4",
}
VARIABLES = ((3, 3), (3,))  # shapes of the training state's


def _image() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (SIDE_PX, 40, 3), np.uint8)


def _images(folder: Path) -> None:
    for suffix in IMAGES:
        seed = folder / "image" / suffix
        seed.mkdir(parents=True)
        cv2.imwrite(str(seed / f"frame.{suffix}"), _image())
    seed = folder / "image" / "png16"
    seed.mkdir()
    cv2.imwrite(str(seed / "frame.png"), _image().astype(np.uint16) * 256)


def _labels(folder: Path) -> None:
    label = np.arange(SIDE_PX * 40, dtype=np.uint8).reshape(SIDE_PX, 40) % 12
    for suffix in ("png", "bmp", "tif"):
        seed = folder / "label" / suffix
        seed.mkdir(parents=True)
        Image.fromarray(label).save(seed / f"label.{suffix}")
    seed = folder / "label" / "palette"
    seed.mkdir()
    image = Image.fromarray(label, "P")
    image.putpalette(list(range(36)))
    image.save(seed / "label.png")


def _lists(folder: Path) -> None:
    seed = folder / "list" / "plain"
    seed.mkdir(parents=True)
    lines = [f"val/{n:03}.png val/003.png valannot/003.png" for n in range(4)]
    (seed / "list.txt").write_text("\n".join([*lines, '"a b.png" "a b.png" "c d.png"']) + "\n")
    (seed / "val").mkdir()
    (seed / "valannot").mkdir()
    for number in range(4):
        (seed / "val" / f"{number:03}.png").touch()
    (seed / "valannot" / "003.png").touch()
    for name in ("a b.png", "c d.png"):
        (seed / name).touch()
    digest = hashlib.sha256((seed / "list.txt").read_bytes()).hexdigest()
    shutil.copytree(seed, folder / "list" / "digested")
    (folder / "list" / "digested" / "SHA256SUMS").write_text(f"{digest}  list.txt\n")


def _features(folder: Path) -> None:
    seed = folder / "features" / "plain"
    seed.mkdir(parents=True)
    np.save(seed / "X.npy", np.zeros((2, *FEATURE_SHAPE), np.float32))
    np.save(seed / "Y.npy", np.array([20, 90], np.float32))
    recorded = folder / "features" / "recorded"
    shutil.copytree(seed, recorded)
    write_feature_record(recorded, {"preset": "vssn"}, 2)


def _json(folder: Path) -> None:
    for name in ("config", "int8", "camera", "palette", "rules"):
        (folder / name / "plain").mkdir(parents=True)
    write_segnet_config((SIDE_PX, 2 * SIDE_PX), folder / "config" / "plain")
    write_ranges(folder / "int8" / "plain" / "weights.h5", {"conv1": (-1.0, 2.5)}, "0" * 64)
    Camera.default(64, 48).to_json(folder / "camera" / "plain" / "camera.json", "a test")
    palette = {"colours_rgb": {"car": [255, 0, 0], "sky": [1, 2, 3]}}
    write_json(folder / "palette" / "plain" / "palette.json", palette)
    seed = folder / "rules" / "plain"
    write_json(seed / "source.json", {"7": ["fence", "building"], "4": "void"})
    for part in ("train", "trainannot"):
        (seed / part).mkdir()
        (seed / part / "1.png").touch()


def _schedule(folder: Path) -> None:
    seed = folder / "schedule" / "plain"
    seed.mkdir(parents=True)
    (seed / "weights.h5").touch()
    fit = ConfidenceFit(2.0, 1.0, ConfidenceMap((10.0, 90.0), (20.0, 80.0)))
    write_fits(seed / "weights.h5", {"dis-chain": fit})


def _state(folder: Path) -> None:
    seed = folder / "state" / "plain"
    seed.mkdir(parents=True)
    history = [{"epoch": 1, "error": 2.5, "validated": 1.0}]
    header = json.dumps({"fingerprint": "{}", "history": history})
    arrays = {f"v{n}": np.ones(shape, np.float32) for n, shape in enumerate(VARIABLES)}
    np.savez(seed / "training_state.npz", header=np.array(header), **arrays)


def _hdf5(folder: Path) -> None:
    rng = np.random.default_rng(1)
    layers = [
        LayerWeights(
            f"conv{n}",
            {
                "kernel": rng.normal(size=(3, 3, 2, 4)).astype(np.float32),
                "bias": np.zeros(4, np.float32),
            },
        )
        for n in range(3)
    ]
    seed = folder / "hdf5" / "plain"
    seed.mkdir(parents=True)
    write_layer_weights(seed / "weights.h5", layers)


def _field(number: int, content: bytes | int) -> bytes:
    """A protocol buffer's field."""
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _shape(*sides: int) -> bytes:
    return b"".join(_field(2, _field(1, side)) for side in sides)


def _node(name: str, op: str, inputs: tuple[str, ...], attributes: Mapping[str, bytes]) -> bytes:
    parts = [_field(1, name.encode()), _field(2, op.encode())]
    parts += [_field(3, each.encode()) for each in inputs]
    parts += [_field(5, _field(1, k.encode()) + _field(2, v)) for k, v in attributes.items()]
    return _field(1, b"".join(parts))


def _const(name: str, values: np.ndarray) -> bytes:
    tensor = _field(1, 1) + _field(2, _shape(*values.shape)) + _field(4, values.tobytes())
    return _node(name, "Const", (), {"dtype": _field(6, 1), "value": _field(8, tensor)})


def _graph(folder: Path) -> None:
    """One convolution, as large as a network's that is run as it is written."""
    floats = {"T": _field(6, 1)}
    kernel = np.full((3, 3, 3, NUM_OUTPUTS), 0.01, np.float32)
    steps = _field(1, _field(3, b"\x01\x02\x02\x01"))
    convolution = {**floats, "strides": steps, "padding": _field(2, b"SAME")}
    size = _field(7, _shape(1, SIDE_PX, SIDE_PX, 3))
    nodes = [
        _node("input", "Placeholder", (), {"dtype": _field(6, 1), "shape": size}),
        _const("kernel", kernel),
        _node("conv", "Conv2D", ("input", "kernel"), convolution),
        _const("bias", np.zeros(NUM_OUTPUTS, np.float32)),
        _node("add", "BiasAdd", ("conv", "bias"), floats),
        _node("softmax", "Softmax", ("add",), floats),
    ]
    seed = folder / "graph" / "plain"
    seed.mkdir(parents=True)
    (seed / "frozen.pb").write_bytes(b"".join(nodes))


def _tf1(folder: Path) -> None:
    from vssn.checkpoints.bundle import write_bundle

    seed = folder / "tf1" / "plain"
    seed.mkdir(parents=True)
    values = {"FlowNets/conv1/weights": np.ones((7, 7, 6, 4), np.float32)}
    write_bundle(seed / "model.ckpt", {**values, "FlowNets/conv1/biases": np.ones(4, np.float32)})


def _cache(folder: Path) -> None:
    from fuzz.readers import cached_network

    seed = folder / "cache" / "plain"
    cached_network(seed)


def _frames(folder: Path) -> None:
    seed = folder / "frames" / "plain"
    seed.mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(seed / f"{number}.png"), _image())
    (seed / "frames.txt").write_text("0.png\n1.png\n2.png\n")


def _streams(folder: Path) -> None:
    """What arrives in order, without a way back."""
    frames = [made_frame(number) for number in range(6)]
    for reader in ("pipe", "url"):
        for suffix in ("ts", "mkv", "avi"):
            seed = folder / reader / suffix
            seed.mkdir(parents=True)
            pixels = "yuvj420p" if suffix == "avi" else "yuv420p"
            make_clip(seed / f"clip.{suffix}", frames, codec=CODECS[suffix], pixels=pixels)


def _videos(folder: Path) -> None:
    frames = [made_frame(number) for number in range(6)]
    for suffix, codec in CODECS.items():
        seed = folder / "video" / suffix
        seed.mkdir(parents=True)
        pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        make_clip(seed / f"clip.{suffix}", frames, codec=codec, pixels=pixels)
    seed = folder / "video" / "sound"
    seed.mkdir()
    make_clip(seed / "clip.mp4", frames, tone_s=0.2, rate=Fraction(25))
    seed = folder / "video" / "y4m"
    seed.mkdir()
    plane = bytes(16 * 16 + 2 * 8 * 8)
    head = b"YUV4MPEG2 W16 H16 F25:1 C420jpeg\n"
    (seed / "clip.y4m").write_bytes(head + 3 * (b"FRAME\n" + plane))


MAKERS: dict[str, Callable[[Path], None]] = {
    "image": _images,
    "label": _labels,
    "list": _lists,
    "features": _features,
    "json": _json,
    "schedule": _schedule,
    "state": _state,
    "hdf5": _hdf5,
    "graph": _graph,
    "tf1": _tf1,
    "cache": _cache,
    "video": _videos,
    "frames": _frames,
    "streams": _streams,
}


def mended_png(data: bytes) -> bytes:
    """A PNG's bytes with right checksums, so that damage gets past them."""
    import zlib

    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        if at + 12 + size > len(data):
            break
        body = data[at + 4 : at + 8 + size]
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return bytes(out + data[at:])


def make(folder: Path) -> None:
    """Make all seeds, as ``folder/READER/SEED/...``."""
    av.logging.set_level(av.logging.PANIC)
    for maker in MAKERS.values():
        maker(folder)


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    make(Path(sys.argv[1]))
