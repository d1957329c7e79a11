"""Everything that the README says of speed, measured in one run.

    python benchmarks/run.py --data_dir CamVid --save_dir out

Contestants take turns on each frame, so that a machine's moods fall on all alike; medians, and
ratios to the plain Keras float32 model in the same run. Prints the tables; writes the figures to
``benchmark.json`` and mean IoU over frames per second to ``speed.png``. Let nothing else run then.
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

from vssn.cli.demo import demo_clip
from vssn.media.clip import iter_clip
from vssn.training.stills import list_stills

PARTS = ("stages", "targets", "video", "startup", "growth")


def machine() -> str:
    """The processor's name and how many of it there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", type=Path, help="CamVid stills, for the part 'targets'")
    parser.add_argument("--split", default="val", help="(default: %(default)s)")
    parser.add_argument("--frames", type=Path, help="clip for 'stages' (default: the demo clip)")
    parser.add_argument("--rounds", type=int, default=15, help="frames of it")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--save_dir", type=Path, default=Path("benchmark-output"))
    args = parser.parse_args()
    if "targets" in args.parts and args.data_dir is None:
        parser.error("the part 'targets' needs --data_dir")
    args.save_dir.mkdir(parents=True, exist_ok=True)
    found: dict[str, object] = {"machine": machine()}
    print(found["machine"])
    clip = list(islice(iter_clip(args.frames or demo_clip()), max(args.rounds, 15) + 2))

    def show(part: str, measured: object, lines: list[str]) -> None:
        found[part] = measured
        print(f"\n{part}\n\n" + "\n".join(lines), flush=True)
        text = json.dumps(found, indent=1)
        (args.save_dir / "benchmark.json").write_text(text + "\n")

    if "stages" in args.parts:
        ms = stages.measure(clip[: args.rounds + stages.WARM_UP])
        show("stages", ms, stages.table(ms))
    if "targets" in args.parts:
        rows = targets.measure(
            [still.load_bgr() for still in list_stills(args.data_dir, args.split)]
        )
        show("targets", rows, targets.table(rows))
        targets.plot(rows, machine(), args.save_dir / "speed.png")
    if "video" in args.parts:
        played = video.measure()
        show("video", played, video.table(played))
    if "startup" in args.parts:
        waited = startup.measure(clip[0])
        show("startup", waited, startup.table(waited))
    if "growth" in args.parts:
        grown = growth.measure(clip)
        show("growth", grown, growth.table(grown))


if __name__ == "__main__":
    main()
