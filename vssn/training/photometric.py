"""What other cameras and weather make of a picture: colour, light, blur, noise, compression."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from vssn.types import Float32Array, UInt8Array

Change = Callable[[np.random.Generator, UInt8Array], UInt8Array]


def jitter_colour(rng: np.random.Generator, image_rgb: UInt8Array, strength: float) -> UInt8Array:
    """Change brightness, contrast, gamma, saturation and hue of an (h, w, 3) uint8 RGB image."""
    draw = rng.uniform(-1, 1, 5) * strength
    ramp = np.linspace(0, 1, 256) ** np.exp(0.5 * draw[0])
    ramp = (ramp - 0.5) * np.exp(0.4 * draw[1]) + 0.5 + 0.2 * draw[2]
    image = cv2.LUT(image_rgb, np.clip(ramp * 255, 0, 255).astype(np.uint8))
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    levels = np.arange(256)
    hue = ((levels + round(12 * draw[3])) % 180).astype(np.uint8)
    saturation = np.clip(levels * np.exp(0.6 * draw[4]), 0, 255).astype(np.uint8)
    table = np.stack([hue, saturation, levels.astype(np.uint8)], axis=-1)[np.newaxis]
    return cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2RGB)  # type: ignore[return-value]


def _clipped(image: Float32Array) -> UInt8Array:
    return np.clip(image, 0, 255).astype(np.uint8)


def white_balance(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Multiply each channel by its own gain, up to a third either way."""
    gains = np.exp(rng.uniform(-0.3, 0.3, 3)).astype(np.float32)
    return _clipped(image_rgb * (gains / gains.mean()))


def grey(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Take most or all of the colour away."""
    plain = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY)[..., np.newaxis].astype(np.float32)
    left = np.float32(rng.uniform(0, 0.4))
    return _clipped(plain + left * (image_rgb - plain))


def blur(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Soften as a lens out of focus does, or along a line as motion does."""
    if rng.random() < 0.5:
        sigma = rng.uniform(0.5, 1.8)
        return np.asarray(cv2.GaussianBlur(image_rgb, (0, 0), sigma), np.uint8)
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    end = (int(rng.integers(0, length)), int(rng.integers(0, length)))
    cv2.line(kernel, end, (length - 1 - end[0], length - 1 - end[1]), 1.0)
    return np.asarray(cv2.filter2D(image_rgb, -1, kernel / kernel.sum()), np.uint8)


def noise(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Add a sensor's noise, which may be grainy over several pixels."""
    height, width = image_rgb.shape[:2]
    grain = int(rng.integers(1, 3))
    hw = (-(-height // grain), -(-width // grain))
    drawn = rng.standard_normal((*hw, 3), dtype=np.float32) * np.float32(rng.uniform(2, 14))
    return _clipped(image_rgb + cv2.resize(drawn, (width, height)))


def compress(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Lose what JPEG of quality 15 to 70 loses."""
    quality = int(rng.integers(15, 70))
    encoded = cv2.imencode(".jpg", image_rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def shrink(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Lose the detail that a camera of fewer pixels never had."""
    height, width = image_rgb.shape[:2]
    share = rng.uniform(0.35, 0.8)
    small = cv2.resize(
        image_rgb,
        (max(1, int(width * share)), max(1, int(height * share))),
        None,
        0,
        0,
        cv2.INTER_AREA,
    )
    return np.asarray(cv2.resize(small, (width, height)), np.uint8)


def fog(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Blend with a light grey, most of all in the rows around a horizon."""
    height = image_rgb.shape[0]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, np.newaxis, np.newaxis]
    horizon, depth = rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.6)
    veil = np.exp(-((np.maximum(rows - horizon, 0) / depth) ** 2)) * rng.uniform(0.15, 0.6)
    light = np.float32(rng.uniform(150, 240)) + rng.uniform(-8, 8, 3).astype(np.float32)
    return _clipped(image_rgb + veil.astype(np.float32) * (light - image_rgb))


def darken(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Make dusk or night of day: dark, tinted, uneven light, noise."""
    height, width = image_rgb.shape[:2]
    levels = (np.linspace(0, 1, 256) ** rng.uniform(1.1, 1.8)) * rng.uniform(0.35, 0.8) * 255
    dark = cv2.LUT(image_rgb, levels.astype(np.uint8)).astype(np.float32)
    glow = rng.uniform(0.6, 1.5, (3, 4)).astype(np.float32)
    light = cv2.resize(glow, (width, height), interpolation=cv2.INTER_CUBIC)
    tint = np.array([1, rng.uniform(0.8, 1), rng.uniform(0.6, 1.1)], np.float32)
    return noise(rng, _clipped(dark * light[..., np.newaxis] * tint))


def uneven_light(rng: np.random.Generator, image_rgb: UInt8Array) -> UInt8Array:
    """Lighten and darken parts of the picture, as shadows, a low sun and a lens' edges do."""
    height, width = image_rgb.shape[:2]
    light = np.exp(rng.uniform(-0.5, 0.5, (3, 4))).astype(np.float32)
    return _clipped(image_rgb * cv2.resize(light, (width, height))[..., np.newaxis])


# Each change with the share of the views that undergo it at strength 1.
CHANGES: tuple[tuple[Change, float], ...] = (
    (white_balance, 0.5),
    (uneven_light, 0.2),
    (fog, 0.12),
    (darken, 0.12),
    (grey, 0.08),
    (shrink, 0.2),
    (blur, 0.2),
    (noise, 0.25),
    (compress, 0.25),
)


def other_camera(rng: np.random.Generator, image_rgb: UInt8Array, strength: float) -> UInt8Array:
    """Make a picture look as if another camera had taken it, at another hour.

    Args:
        rng: source of all randomness.
        image_rgb: (h, w, 3) uint8 RGB.
        strength: multiplies the probability of each of :data:`CHANGES` and how far colours stray;
            0 changes nothing.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    if not strength:
        return image_rgb
    image = jitter_colour(rng, image_rgb, strength)
    for change, share in CHANGES:
        if rng.random() < share * strength:
            image = change(rng, image)
    return image
