"""All speed figures of the README, measured in one run.

    python benchmarks/run.py --clips CamVid/val CITYSCAPES_CLIPS/seq* --save_dir out

Candidates take turns on each frame, so that other load affects all equally. Figures are medians,
and ratios to the plain Keras float32 model of the same run. Prints the tables; writes the figures
to ``benchmark.json``, mean IoU over frames per second to ``speed.png``, and what ``vssn bench``
knows of the accuracy to ``measured_front.json``. Run nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
from itertools import islice
from pathlib import Path

import front
import growth
import stages
import startup
import video

from vssn.data.clips import iter_clip
from vssn.data.demo import demo_clip
from vssn.evaluation.machine import processor_name

PARTS = {
    "stages": stages,
    "front": front,
    "video": video,
    "startup": startup,
    "growth": growth,
}
CLIP_FRAMES = 15  # at least, for growth


def machine() -> str:
    """The processor's name and how many of it there are."""
    return f"{processor_name()}, {os.cpu_count()} cores"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--clips",
        type=Path,
        nargs="+",
        help="for the part 'front': folders of frames with labels beside them",
    )
    parser.add_argument(
        "--public",
        type=Path,
        metavar="FILE.tflite",
        help="for the part 'front': a light network of other hands, see public_network.py",
    )
    parser.add_argument("--frames", type=Path, help="clip for 'stages' (default: the demo clip)")
    parser.add_argument("--rounds", type=int, default=15, help="frames of it")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--save_dir", type=Path, default=Path("benchmark-output"))
    args = parser.parse_args()
    if "front" in args.parts and args.clips is None:
        parser.error("the part 'front' needs --clips")
    return args


def main() -> None:
    args = arguments()
    args.save_dir.mkdir(parents=True, exist_ok=True)
    found: dict[str, object] = {"machine": machine()}
    print(found["machine"])
    rounds = args.rounds + stages.WARM_UP
    clip = list(islice(iter_clip(args.frames or demo_clip()), max(rounds, CLIP_FRAMES)))
    measures = {
        "stages": lambda: stages.measure(clip[:rounds]),
        "front": lambda: front.measure(front.labelled_clips(args.clips), args.public),
        "video": video.measure,
        "startup": lambda: startup.measure(clip[0]),
        "growth": lambda: growth.measure(clip),
    }
    for part in (part for part in PARTS if part in args.parts):
        measured = found[part] = measures[part]()
        print(f"\n{part}\n\n" + "\n".join(PARTS[part].table(measured)), flush=True)
        (args.save_dir / "benchmark.json").write_text(json.dumps(found, indent=1) + "\n")
    if "front" in found:
        front.plot(found["front"], machine(), args.save_dir / "speed.png")
        front.write_reference(found["front"], args.save_dir / "measured_front.json")


if __name__ == "__main__":
    main()
