"""Records against their schema, in every format."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from rendered import Car, render, result

from vssn.errors import BadInputError, MediaError
from vssn.scene import records
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.camera import Camera
from vssn.scene.records import frame_record, open_records
from vssn.types import FramePath, LiveFrame, TimedFrame, VideoInfo

jsonschema = pytest.importorskip("jsonschema")
SCHEMA = json.loads((Path(records.__file__).parent / "record_schema.json").read_text())
CAMERA = Camera(575.0, 1.3, (320.0, 180.0), 1.0, size_wh=(640, 360))
FRAMES = 3


@pytest.fixture(scope="module")
def results() -> list[object]:
    analyser = SceneAnalyser(VideoInfo(640, 360, 25.0, None), CAMERA)
    labels = render(CAMERA, [Car(9.0, -1.5), Car(15.0, 2.0)])
    labels[0, 0] = 11
    first = result(labels, 0, time_s=0.0, seconds={"segmentation": 0.0712345678})
    warped = replace(
        result(labels, 1), path=FramePath.WARP, predicted_confidence=83.456, key_distance=1
    )
    warped = replace(warped, live=LiveFrame(12.3456, True, 133.3333, 0))
    empty = result(np.full((360, 640), 3, np.uint8), 2, region_paths=(FramePath.WARP,) * 4)
    return [analyser.analyse(each) for each in (first, warped, empty)]


def write(path: Path, results: list[object]) -> None:
    with open_records(path, "street.mp4") as writer:
        for each in results:
            frame = TimedFrame(each.index, Fraction(each.index, 25), np.zeros((1, 1, 3), np.uint8))
            writer.write(frame, each)
            assert not path.exists()


def test_json_lines_follow_the_schema(tmp_path: Path, results: list[object]) -> None:
    write(tmp_path / "run.jsonl", results)
    rows = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert len(rows) == FRAMES
    for row in rows:
        jsonschema.validate(row, SCHEMA)
    assert [row["time_s"] for row in rows] == [0.0, 0.04, 0.08]
    assert [row["path"] for row in rows] == ["segment", "warp", "segment"]
    assert rows[0]["stage_s"] == {"segmentation": 0.071235}
    assert rows[1]["predicted_confidence"] == 83.46
    assert sum(rows[1]["class_pixels"].values()) == 640 * 360 - 1  # less the one of void
    live = ("latency_ms", "corrected", "key_age_ms", "dropped_before")
    assert [rows[1][name] for name in live] == [12.35, True, 133.33, 0]
    assert [rows[0][name] for name in live] == [None] * 4
    near, far = sorted(rows[1]["objects"], key=lambda each: each["distance_m"])
    assert near["class"] == "car"
    assert near["distance_m"] == pytest.approx(9.1, rel=0.1)
    assert {near["track"], far["track"]} == {1, 2}
    assert rows[2]["objects"] == []


def test_the_schema_refuses_what_is_no_record(results: list[object]) -> None:
    record = frame_record(replace(results[0], time_s=0.0), "x")
    for change in ({"path": "carried"}, {"schema_version": 2}, {"objects": [{"class": "car"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(record | change, SCHEMA)


def test_the_documentation_names_every_field(repo_root: Path) -> None:
    text = (repo_root / "docs" / "formats.md").read_text()
    objects = SCHEMA["properties"]["objects"]["items"]["properties"]
    missing = [name for name in (*SCHEMA["properties"], *objects) if f"`{name}`" not in text]
    assert missing == []


def test_a_csv_has_a_line_for_each_object(tmp_path: Path, results: list[object]) -> None:
    write(tmp_path / "run.csv", results)
    with (tmp_path / "run.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["0", "0", "1", "1", "2"]
    assert {row["class"] for row in rows} == {"car", ""}
    assert int(rows[0]["right_px"]) > int(rows[0]["left_px"])
    assert rows[4]["distance_m"] == ""


def test_parquet_holds_the_same_as_json_lines(tmp_path: Path, results: list[object]) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "run.parquet", results)
    write(tmp_path / "run.jsonl", results)
    rows = parquet.read_table(tmp_path / "run.parquet").to_pylist()
    expected = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    for row in rows:
        row["stage_s"] = dict(row["stage_s"])
    assert rows == expected


def test_a_coco_file_is_read_by_cocos_own_tools(tmp_path: Path, results: list[object]) -> None:
    write(tmp_path / "run.json", results)
    content = json.loads((tmp_path / "run.json").read_text())
    assert [image["file_name"] for image in content["images"]] == [
        f"street.mp4#{number}" for number in range(FRAMES)
    ]
    assert [found["id"] for found in content["annotations"]] == [1, 2, 3, 4]
    assert [found["image_id"] for found in content["annotations"]] == [0, 0, 1, 1]
    assert content["categories"][8] == {"id": 8, "name": "car"}
    coco = pytest.importorskip("pycocotools.coco").COCO(str(tmp_path / "run.json"))
    (found,) = coco.loadAnns([1])
    mask = coco.annToMask(found)
    assert mask.shape == (360, 640)
    assert mask.sum() == found["area"] == results[0].objects[0].pixel_count


def test_a_coco_file_without_frames_is_one(tmp_path: Path) -> None:
    open_records(tmp_path / "run.json").close()
    content = json.loads((tmp_path / "run.json").read_text())
    assert (content["images"], content["annotations"]) == ([], [])


def test_a_run_that_fails_keeps_what_was_written(tmp_path: Path, results: list[object]) -> None:
    writer = open_records(tmp_path / "run.jsonl")
    writer.write(TimedFrame(0, Fraction(0), np.zeros((1, 1, 3), np.uint8)), results[0])
    writer.close(complete=False)
    writer.close()
    assert len((tmp_path / "run.jsonl").read_text().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run.jsonl"]


def test_other_suffixes_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"\.jsonl or \.csv or \.parquet or \.json"):
        open_records(tmp_path / "run.xml")
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="file"):
        open_records(tmp_path / "file" / "run.csv")
