"""HDR video is shown as on an ordinary screen, and said to be so."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from vssn.media.video import VideoSource

FloatArray = npt.NDArray[np.float64]

# Linear light of BT.709 primaries, 1 for diffuse white; and as a screen of gamma 2.4 shows it.
GREYS = np.array([0.0, 0.05, 0.18, 0.5, 1.0, 4.0])
COLOURS = np.array([[0.5, 0.3, 0.2], [0.6, 0.1, 0.1], [0.1, 0.4, 0.1], [0.15, 0.2, 0.6]])
PATCHES = np.concatenate([np.repeat(GREYS[:, None], 3, axis=1), COLOURS])
WHITE_NITS = 203  # ITU-R BT.2408
PATCH_PX = 32
# ITU-R BT.2087: linear BT.709 to BT.2020; and BT.2020's luminance.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
LUMINANCE = np.array([0.2627, 0.6780, 0.0593])


def pq(light: FloatArray) -> FloatArray:
    """SMPTE ST 2084's signal of light, 1 for diffuse white."""
    power = (light * WHITE_NITS / 10_000) ** (2610 / 16384)
    above, below = 3424 / 4096 + 2413 / 128 * power, 1 + 2392 / 128 * power
    return np.asarray((above / below) ** (2523 / 32))


def hlg(light: FloatArray) -> FloatArray:
    """ITU-R BT.2100's hybrid log-gamma signal of light on a display of 1000 cd/m2."""
    shown = light * WHITE_NITS / 1000
    scene = shown * np.maximum(shown @ LUMINANCE, 1e-9)[..., None] ** (1 / 1.2 - 1)
    logarithm = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logarithm)


def write_hdr(path: Path, signal: FloatArray, curve: int) -> Path:
    """A clip of 10 bits whose frames are the patches beside each other."""
    row = np.repeat(np.round(np.clip(signal, 0, 1) * 65535).astype(np.uint16), PATCH_PX, axis=0)
    picture = av.VideoFrame.from_ndarray(np.repeat(row[None], 64, axis=0), "rgb48le")
    frame = picture.reformat(format="yuv420p10le", dst_colorspace=9, dst_color_range=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuv420p10le"
        context = stream.codec_context
        context.colorspace, context.color_range = 9, 1
        context.color_primaries, context.color_trc = 9, curve
        for number in range(3):
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("name", "curve"), [("PQ", 16), ("HLG", 18)])
def test_hdr_is_shown_as_on_an_ordinary_screen(
    tmp_path: Path, name: str, curve: int, caplog: pytest.LogCaptureFixture
) -> None:
    signal = (pq if name == "PQ" else hlg)(PATCHES @ TO_BT2020.T)
    path = write_hdr(tmp_path / "hdr.mp4", signal, curve)
    with VideoSource(path) as source:
        frames = list(source)
    assert len(frames) == 3
    assert caplog.text.count(f"HDR ({name})") == 1
    expected = 255 * np.clip(PATCHES, 0, 1) ** (1 / 2.4)
    shown = frames[-1][32, PATCH_PX // 2 :: PATCH_PX, ::-1].astype(float)
    # Blacks end at some hundredth of white; saturated colours shift by some levels in the table.
    assert np.abs(shown - expected).max() <= 12
    assert np.abs(shown - expected)[: len(GREYS)].max() <= 6
