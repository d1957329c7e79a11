"""Results in other projects' forms, checked by those projects where they are installed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rendered import Car, render, result

from vssn.labels import LABELS
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.camera import Camera
from vssn.scene.export import cityscapes_ids, coco_categories, run_lengths
from vssn.types import FrameResult, VideoInfo

CAMERA = Camera(575.0, 1.3, (320.0, 180.0), 1.0, size_wh=(640, 360))


def seen() -> FrameResult:
    analyser = SceneAnalyser(VideoInfo(640, 360, 25.0, None), CAMERA)
    labels = render(CAMERA, [Car(9.0, -1.5), Car(15.0, 2.0)])
    return [analyser.analyse(result(labels, index)) for index in range(2)][1]


def test_run_lengths_go_down_the_columns_and_begin_with_nothing() -> None:
    mask = np.array([[0, 1, 1], [0, 0, 1]], bool)
    assert run_lengths(mask) == [2, 1, 1, 2]
    assert run_lengths(~mask) == [0, 2, 1, 1, 2]
    assert run_lengths(np.zeros((2, 2), bool)) == [4]


def test_coco_annotations_hold_boxes_areas_and_masks() -> None:
    found = seen()
    annotations = json.loads(json.dumps(found.to_coco()))
    assert [each["id"] for each in annotations] == [1, 2]
    for each, expected in zip(annotations, found.objects, strict=True):
        assert each["area"] == expected.pixel_count == sum(each["segmentation"]["counts"][1::2])
        assert each["bbox"][2] == expected.box.right - expected.box.left
        assert each["track_id"] == expected.track
        assert each["category_id"] in [category["id"] for category in coco_categories()]


def test_the_coco_api_decodes_the_masks() -> None:
    mask_api = pytest.importorskip("pycocotools.mask")
    found = seen()
    union = np.zeros(found.labels.shape, bool)
    for each in found.to_coco():
        height, width = each["segmentation"]["size"]
        union |= mask_api.decode(mask_api.frPyObjects(each["segmentation"], height, width)) > 0
    assert np.array_equal(union, found.labels == 8)


@pytest.mark.slow
def test_supervision_draws_the_detections() -> None:
    supervision = pytest.importorskip("supervision")
    found = seen()
    detections = found.to_supervision()
    assert len(detections) == 2
    assert detections.class_id.tolist() == [8, 8]
    assert sorted(detections.tracker_id.tolist()) == [1, 2]
    assert detections.data["distance_m"].min() == pytest.approx(9.1, rel=0.1)
    frame = np.zeros((360, 640, 3), np.uint8)
    for annotator in (supervision.BoxAnnotator(), supervision.MaskAnnotator()):
        picture = annotator.annotate(frame.copy(), detections)
        assert picture.any()
    assert (picture.any(axis=2) == (found.labels == 8)).mean() > 0.99
    assert len(result(np.zeros((8, 8), np.uint8)).to_supervision()) == 0


def test_cityscapes_ids_are_of_the_same_meaning() -> None:
    labels = np.array([[label.index for label in LABELS]], np.uint8)
    assert cityscapes_ids(labels).tolist() == [[23, 11, 17, 7, 8, 21, 20, 13, 26, 24, 33, 0]]
    assert cityscapes_ids(labels, train=True).tolist() == [
        [10, 2, 5, 0, 1, 8, 7, 4, 13, 11, 18, 255]
    ]
