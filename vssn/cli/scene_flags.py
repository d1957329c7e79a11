"""Flags of the commands that draw videos: how pictures look, and the camera behind them."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.values import boolean, real, share
from vssn.scene.camera import FOCAL_PX, FOV_DEG, HEIGHT_M, PITCH_DEG
from vssn.scene.style import VIEWS, Style

if TYPE_CHECKING:
    from vssn.scene.camera import Camera
    from vssn.types import VideoInfo


def add_look_arguments(parser: argparse.ArgumentParser) -> None:
    """How pictures look."""
    parser.add_argument(
        "--view",
        choices=VIEWS,
        help="the frame under the classes' colours, as it is, the colours alone, both beside each "
        "other, or outlines (default: overlay)",
    )
    parser.add_argument(
        "--opacity", type=share, metavar="0-1", help="of the colours (default: 0.45)"
    )
    parser.add_argument(
        "--palette", metavar="camvid|colour_blind|FILE.json", help="the colours (default: camvid)"
    )
    parser.add_argument("--legend", action="store_true", default=None, help="name the colours")
    parser.add_argument(
        "--boxes", type=boolean, metavar="True|False", help="box the objects (default: True)"
    )
    parser.add_argument(
        "--status",
        type=boolean,
        metavar="True|False",
        help="tell how each frame was segmented (default: True)",
    )


def add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    """What distances are computed from."""
    parser.add_argument(
        "--camera",
        type=Path,
        metavar="FILE.json",
        help="the camera that distances are computed from; see vssn calibrate-camera",
    )
    for name, limits, what in (
        ("fov_deg", FOV_DEG, "the camera's horizontal field of view"),
        ("focal_px", FOCAL_PX, "the camera's focal length, instead"),
        ("camera_height_m", HEIGHT_M, "its height above the road"),
        ("camera_pitch_deg", PITCH_DEG, "how far it looks down (default: found from the frames)"),
    ):
        parser.add_argument(f"--{name}", type=real(*limits), help=what)


def style_of(args: argparse.Namespace, base: Style | None = None) -> Style:
    """The look that was asked for.

    Args:
        args: of :func:`add_look_arguments`.
        base: what is left as it is where nothing was.
    """
    names = ("view", "opacity", "palette", "legend", "boxes", "status")
    given = {name: getattr(args, name) for name in names}
    known = {name: value for name, value in given.items() if value is not None}
    return replace(base or Style(), **known)


def camera_of(args: argparse.Namespace, info: VideoInfo) -> Camera:
    """The camera as far as the user described it."""
    from vssn.scene.camera import camera_for

    return camera_for(
        info,
        camera=args.camera,
        fov_deg=args.fov_deg,
        focal_px=args.focal_px,
        camera_height_m=args.camera_height_m,
        camera_pitch_deg=args.camera_pitch_deg,
    )
