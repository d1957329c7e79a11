"""All speed figures of the README, measured in one run.

    python benchmarks/run.py --data_dir CamVid --save_dir out

Candidates take turns on each frame, so that other load affects all equally. Figures are medians,
and ratios to the plain Keras float32 model of the same run. Prints the tables; writes the figures
to ``benchmark.json`` and mean IoU over frames per second to ``speed.png``. Run nothing else
meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from itertools import islice
from pathlib import Path

import growth
import stages
import startup
import targets
import video

from vssn.data.clips import iter_clip
from vssn.data.demo import demo_clip
from vssn.data.stills import list_stills

PARTS = {
    "stages": stages,
    "targets": targets,
    "video": video,
    "startup": startup,
    "growth": growth,
}
CLIP_FRAMES = 15  # at least, for growth


def machine() -> str:
    """The processor's name and how many of it there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", type=Path, help="CamVid stills, for the part 'targets'")
    parser.add_argument("--split", default="val", help="(default: %(default)s)")
    parser.add_argument("--frames", type=Path, help="clip for 'stages' (default: the demo clip)")
    parser.add_argument("--rounds", type=int, default=15, help="frames of it")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--save_dir", type=Path, default=Path("benchmark-output"))
    args = parser.parse_args()
    if "targets" in args.parts and args.data_dir is None:
        parser.error("the part 'targets' needs --data_dir")
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
        "targets": lambda: targets.measure(
            [still.load_bgr() for still in list_stills(args.data_dir, args.split)]
        ),
        "video": video.measure,
        "startup": lambda: startup.measure(clip[0]),
        "growth": lambda: growth.measure(clip),
    }
    for part in (part for part in PARTS if part in args.parts):
        measured = found[part] = measures[part]()
        print(f"\n{part}\n\n" + "\n".join(PARTS[part].table(measured)), flush=True)
        (args.save_dir / "benchmark.json").write_text(json.dumps(found, indent=1) + "\n")
    if "targets" in found:
        targets.plot(found["targets"], machine(), args.save_dir / "speed.png")


if __name__ == "__main__":
    main()
