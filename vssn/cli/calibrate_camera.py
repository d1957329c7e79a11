"""``vssn calibrate-camera``: make a camera file from pictures of a chessboard."""

from __future__ import annotations

import argparse
import glob
import re
from pathlib import Path

from vssn.cli.values import real, shown
from vssn.files import check_writable
from vssn.scene.camera import DEFAULT_HEIGHT_M, HEIGHT_M


def board(text: str) -> tuple[int, int]:
    """Inner corners, such as ``9x6``."""
    sides = re.fullmatch(r"([0-9]{1,2})x([0-9]{1,2})", text.strip().lower(), re.ASCII)
    if not sides:
        raise argparse.ArgumentTypeError(
            f"{shown(text)}: expected inner corners such as 9x6, at most 99 each way"
        )
    return int(sides[1]), int(sides[2])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--pictures",
        required=True,
        metavar="GLOB",
        help="ten or more pictures of a chessboard, such as 'board/*.jpg'",
    )
    parser.add_argument(
        "--board",
        type=board,
        default=(9, 6),
        metavar="9x6",
        help="the board's inner corners along its rows and columns (default: 9x6)",
    )
    parser.add_argument(
        "--camera_height_m",
        type=real(*HEIGHT_M),
        default=DEFAULT_HEIGHT_M,
        help="the camera's height above the road (default: %(default)s)",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE.json", help="the camera file"
    )


def run(args: argparse.Namespace) -> int:
    """Calibrate; print how well the camera explains the pictures."""
    from vssn.files import natural_key
    from vssn.scene.camera_calibration import calibrate_camera

    check_writable(args.output.parent)
    pictures = sorted(map(Path, glob.glob(args.pictures)), key=natural_key)
    done = calibrate_camera(pictures, args.board, args.camera_height_m)
    columns, rows = args.board
    source = (
        f"vssn calibrate-camera: {len(done.used)} pictures of a {columns}x{rows} board, "
        f"{done.error_px:.2f} px root mean square error; the height was given, not measured"
    )
    done.camera.to_json(args.output, source)
    print(f"board found in {len(done.used)} of {len(pictures)} pictures")
    print(f"focal length {done.camera.focal_px:.1f} px, error {done.error_px:.2f} px")
    print(args.output)
    return 0
