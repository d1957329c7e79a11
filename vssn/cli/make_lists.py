"""``vssn make-lists``: the list files of CamVid, or lists for a user's own folders."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.cli.values import positive
from vssn.data.camvid import CAMVID_SPLITS, camvid_30_fps_entries
from vssn.data.folders import entries_for_pairs, entries_for_sparse_video, entries_for_stills
from vssn.data.lists import ListEntry, write_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare a subcommand for each layout."""
    layouts = parser.add_subparsers(
        dest="layout", required=True, metavar="camvid|stills|video|pairs"
    )

    camvid = layouts.add_parser("camvid", help="the three lists of the camvid_30_fps data set")
    camvid.add_argument(
        "--save_dir", type=Path, default=Path("list"), help="where to write them (default: list)"
    )

    stills = layouts.add_parser("stills", help="images in SPLIT/, their labels in SPLITannot/")
    _add_places(stills)
    stills.add_argument("--split", required=True, help="folder of the images, such as val")

    video = layouts.add_parser(
        "video", help="frames of videos (or the 30 fps layout), some of them with a label"
    )
    _add_places(video)
    video.add_argument(
        "--frames", required=True, help="folder of the frames, relative to DATA_DIR or absolute"
    )
    video.add_argument(
        "--labels", required=True, help="folder of the labels: same names, PNG; likewise"
    )

    pairs = layouts.add_parser("pairs", help="pairs of frames for vssn features")
    _add_places(pairs)
    pairs.add_argument("--frames", required=True, help="folder of one video's frames")
    pairs.add_argument(
        "--distances", type=positive, nargs="+", default=[1, 2, 3, 5, 8, 13, 20, 30], metavar="K"
    )
    pairs.add_argument("--every", type=positive, default=1, help="take each so manieth frame")


def run(args: argparse.Namespace) -> int:
    """Write the list files that the arguments ask for; return the exit code.

    Raises:
        VssnError: a folder is missing or holds nothing to list, or a list can't be written.
    """
    for path, entries in _lists(args):
        print(f"{path}: {write_list(path, entries)} lines")
    return 0


def _lists(args: argparse.Namespace) -> list[tuple[Path, list[ListEntry]]]:
    if args.layout == "camvid":
        return [
            (args.save_dir / f"{split}_file_list.txt", camvid_30_fps_entries(split))
            for split in CAMVID_SPLITS
        ]
    if args.layout == "stills":
        return [(args.output, entries_for_stills(args.data_dir, args.split))]
    if args.layout == "pairs":
        entries = entries_for_pairs(args.data_dir, args.frames, args.distances, args.every)
        return [(args.output, entries)]
    return [(args.output, entries_for_sparse_video(args.data_dir, args.frames, args.labels))]


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data_dir", type=Path, required=True, help="directory that the paths are relative to"
    )
    parser.add_argument("--output", type=Path, required=True, help="list file to write")
