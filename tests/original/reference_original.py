"""What the original does, rule by rule: plain NumPy that shares no code with vssn.

Only where the original calls OpenCV itself is OpenCV called. Slow on purpose: each rule is to be
read, and checked against the description of the original.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

SCALE_CHANNELS = [0, 1, 2, 4, 5, 6, 8, 10, 11, 13, 18]
PALETTE_RGB = np.array(
    [
        *[(128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222)],
        *[(128, 128, 0), (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0)],
        *[(0, 128, 192), (0, 0, 0)],
    ],
    float,
)


def nearest_tf1(image, height, width):
    """``resize_nearest_neighbor`` with half_pixel_centers=False, align_corners=False."""
    out = np.zeros((height, width, *image.shape[2:]), image.dtype)
    down = np.float32(image.shape[0]) / np.float32(height)
    across = np.float32(image.shape[1]) / np.float32(width)
    columns = [min(math.floor(np.float32(x) * across), image.shape[1] - 1) for x in range(width)]
    for y in range(height):
        row = image[min(math.floor(np.float32(y) * down), image.shape[0] - 1)]
        for x in range(width):
            out[y, x] = row[columns[x]]
    return out


def bilinear_tf1(image, height, width):
    """``resize_bilinear`` with half_pixel_centers=False, align_corners=False."""
    old_height, old_width = image.shape[:2]
    out = np.zeros((height, width, image.shape[2]), np.float32)
    for y in range(height):
        in_y = y * old_height / height
        top = math.floor(in_y)
        bottom = min(top + 1, old_height - 1)
        for x in range(width):
            in_x = x * old_width / width
            left = math.floor(in_x)
            right = min(left + 1, old_width - 1)
            above = image[top, left] * (1 - in_x + left) + image[top, right] * (in_x - left)
            below = image[bottom, left] * (1 - in_x + left) + image[bottom, right] * (in_x - left)
            out[y, x] = above * (1 - in_y + top) + below * (in_y - top)
    return out


def crop_or_pad(image, height, width):
    """``resize_image_with_crop_or_pad``: crop the middle, then pad around it with zeros."""
    crop_y, crop_x = max(image.shape[0] - height, 0) // 2, max(image.shape[1] - width, 0) // 2
    pad_y, pad_x = max(height - image.shape[0], 0) // 2, max(width - image.shape[1], 0) // 2
    out = np.zeros((height, width, image.shape[2]), image.dtype)
    for y in range(min(height, image.shape[0])):
        for x in range(min(width, image.shape[1])):
            out[pad_y + y, pad_x + x] = image[crop_y + y, crop_x + x]
    return out


def flow_view(image):
    """Item 1: scaled by min(416/h, 608/w), rounded, centre-cropped to 208x304; any colour order."""
    height, width = (np.float32(side) for side in image.shape[:2])
    scale = min(np.float32(416) / height, np.float32(608) / width)
    scaled = nearest_tf1(
        image.astype(np.float32) / 255, round(height * scale), round(width * scale)
    )
    return crop_or_pad(scaled, 208, 304)


def segnet_view(image_bgr):
    """OpenCV's resize; 103.939 off blue, 116.779 off green, 123.68 off red; then RGB."""
    image = cv2.resize(image_bgr, (608, 416)).astype(np.float32)
    image[:, :, 0] -= 103.939
    image[:, :, 1] -= 116.779
    image[:, :, 2] -= 123.68
    return image[:, :, ::-1]


def warp(image, flow):
    """Bilinear sampling at (x, y) + flow, held inside of the grid."""
    height, width = image.shape[:2]
    out = np.zeros_like(image)
    for y in range(height):
        for x in range(width):
            at_x = min(max(x + flow[y, x, 0], 0), width - 1)
            at_y = min(max(y + flow[y, x, 1], 0), height - 1)
            left, right = math.floor(at_x), math.ceil(at_x)
            top, bottom = math.floor(at_y), math.ceil(at_y)
            dx, dy = at_x - left, at_y - top
            out[y, x] = (
                image[top, left] * (1 - dx) * (1 - dy)
                + image[top, right] * dx * (1 - dy)
                + image[bottom, left] * (1 - dx) * dy
                + image[bottom, right] * dx * dy
            )
    return out


def warp_scaled(probabilities, flow, scale):
    """Items 2 and 7: on the flow's grid, times the scale's channels in index order."""
    height, width = flow.shape[:2]
    moved = warp(bilinear_tf1(probabilities, height, width), flow) * scale[..., SCALE_CHANNELS]
    return bilinear_tf1(moved, probabilities.shape[0], probabilities.shape[1])


def mask_rgb(labels):
    """Item 11: colours in 0-1 float64, enlarged bilinearly by OpenCV, cut to whole numbers."""
    rgb = np.zeros((*labels.shape, 3))
    for index, colour in enumerate(PALETTE_RGB):
        rgb[labels == index] = colour / 255.0
    return (cv2.resize(rgb, (480, 360)) * 255).astype(np.uint8)


def nearest_label(label, height, width):
    """OpenCV's nearest."""
    rows = [math.floor(y * label.shape[0] / height) for y in range(height)]
    columns = [math.floor(x * label.shape[1] / width) for x in range(width)]
    return np.array([[label[row, column] for column in columns] for row in rows])


def metrics(pairs):
    """Item 5: void pixels count against the class predicted; classes unseen have an IoU of 0."""
    tp, fp, fn, n = (np.zeros(11) for _ in range(4))
    for truth, predicted in pairs:
        for k in range(11):
            tp[k] += np.sum((predicted == k) & (truth == k))
            fp[k] += np.sum((predicted == k) & (truth != k))
            fn[k] += np.sum((predicted != k) & (truth == k))
            n[k] += np.sum(truth == k)
    iou = tp / (tp + fp + fn + 1e-12)
    return {"class": iou, "mean": iou.mean(), "frequency": np.sum(iou * n / n.sum())}


@dataclass
class Networks:
    """Network functions on the original's arrays.

    segnet: (416, 608, 3) -> (208, 304, 12); flow: two (208, 304, 3) -> (52, 76, 2),
    (52, 76, 19), (4, 5, 384); decision: (4, 5, 384) -> score.
    """

    segnet: Callable
    flow: Callable
    decision: Callable


@dataclass
class Run:
    """What a run leaves behind."""

    labels: list = field(default_factory=list)
    segmentation_steps: int = 0
    flow_steps: int = 0


def run(frames_bgr, first_key, later_order, networks, target):
    """The stream: ``later_order`` picks the channels that the flow network is fed after the first.

    ``first_key`` is the image, in its own colour order, that the network is fed as the first key.
    """
    result = Run()
    key_view = key_probabilities = None
    for step, frame in enumerate(frames_bgr):
        view = flow_view(frame[..., later_order])
        if step:
            flow, scale, feature = networks.flow(view, key_view)
        if not step or networks.decision(feature) < target:
            result.segmentation_steps += bool(step)
            key_view = view if step else flow_view(first_key)
            key_probabilities = probabilities = networks.segnet(segnet_view(frame))[..., :11]
        else:
            result.flow_steps += 1
            probabilities = warp_scaled(key_probabilities, flow, scale)
        result.labels.append(probabilities.argmax(axis=2))
    return result


def run_dataset(lines, images_bgr, networks, target):
    """Items 3 and 4: the second column in BGR; the first key is the first column's, in RGB."""
    first_key = images_bgr[lines[0][0]][..., ::-1]
    return run([images_bgr[line[1]] for line in lines], first_key, [0, 1, 2], networks, target)


def run_video(frames_bgr, networks, target):
    """Item 3: RGB, but for the first key, which stays as it was read."""
    return run(frames_bgr, frames_bgr[0], [2, 1, 0], networks, target)


def feature_and_score(key_bgr, current_bgr, networks):
    """Item 6: the current segmentation, warped, against itself; 0-100."""
    flow, scale, feature = networks.flow(flow_view(current_bgr), flow_view(key_bgr))
    probabilities = networks.segnet(segnet_view(current_bgr))[..., :11]
    agree = warp_scaled(probabilities, flow, scale).argmax(axis=2) == probabilities.argmax(axis=2)
    return feature, agree.mean() * 100
