"""Records against their schema, in every format."""

from __future__ import annotations

import csv
import gc
import json
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_clips import file_size_limit
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


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_an_interrupted_run_replaces_no_older_records(
    tmp_path: Path, results: list[object], suffix: str
) -> None:
    pytest.importorskip("pyarrow")
    write(tmp_path / f"run{suffix}", results)
    older = (tmp_path / f"run{suffix}").read_bytes()
    for _ in range(2):
        writer = open_records(tmp_path / f"run{suffix}")
        writer.write(TimedFrame(0, Fraction(0), np.zeros((1, 1, 3), np.uint8)), results[0])
        writer.close(complete=False)
    assert writer.path == tmp_path / f"run.partial-2{suffix}"
    open_records(tmp_path / f"run{suffix}").close(complete=False)  # before the first frame
    assert (tmp_path / f"run{suffix}").read_bytes() == older
    assert len(list(tmp_path.iterdir())) == 3


KILLED = """
import os, signal, sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from vssn.scene.records import open_records
from vssn.types import FramePath, FrameResult, TimedFrame
writer = open_records(Path(sys.argv[1]))
for n in range(3):
    time.sleep(0.6)
    result = FrameResult(n, np.zeros((4, 4), np.uint8), FramePath.SEGMENT, None, 0, {})
    writer.write(TimedFrame(n, Fraction(n), np.zeros((4, 4, 3), np.uint8)), result)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_less_than_a_second_of_records(
    tmp_path: Path, repo_root: Path, results: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path / "run.jsonl")]
    subprocess.run(command, cwd=repo_root, check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("run.partial-")
    assert [json.loads(line)["frame"] for line in left.read_text().splitlines()] == [0, 1, 2]
    os.utime(left, (0, 0))
    write(tmp_path / "run.jsonl", results)
    assert "what an interrupted run left" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["run.jsonl"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs file size limits")
@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.filterwarnings("error")
def test_a_disk_that_fills_is_one_line_and_costs_no_older_record(
    tmp_path: Path, results: list[object], suffix: str
) -> None:
    pytest.importorskip("pyarrow")

    def write_too_much() -> None:
        with file_size_limit(20_000), open_records(tmp_path / f"run{suffix}") as writer:
            for number in range(2000):
                frame = TimedFrame(number, Fraction(number), np.zeros((1, 1, 3), np.uint8))
                writer.write(frame, results[number % 3])

    kept = r"\)" if suffix == ".parquet" else r"; the first \d+ are in"
    with pytest.raises(MediaError, match=rf"records '.*' \(File too large{kept}"):
        write_too_much()
    gc.collect()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("run.partial-")


def test_records_that_another_run_is_writing_are_refused(tmp_path: Path) -> None:
    with (
        open_records(tmp_path / "run.jsonl"),
        pytest.raises(MediaError, match="another run is writing it"),
    ):
        open_records(tmp_path / "run.jsonl")


def test_other_suffixes_and_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"\.jsonl or \.csv or \.parquet or \.json"):
        open_records(tmp_path / "run.xml")
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="file"):
        open_records(tmp_path / "file" / "run.csv")
