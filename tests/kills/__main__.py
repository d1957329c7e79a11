"""``make kills MOMENTS=200``: end every command at random moments and print the table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

from kills.commands import COMMANDS, INTERRUPTED, SIGNALS, check, kill, made

from vssn.errors import VssnError


def main() -> int:
    """0 where every output was whole or absent, else 1."""
    parser = argparse.ArgumentParser(prog="kills")
    parser.add_argument("--moments", type=int, default=200, help="for each command and signal")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    parser.add_argument("--signals", nargs="*", default=[each.name for each in SIGNALS])
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vssn-kills-"))
    given = made(folder / "given")
    print("| command | signal | ended | had finished | lost or half there |\n|---|---|---|---|---|")
    bad = 0
    for name in args.commands:
        command = COMMANDS[name]
        for number in (each for each in SIGNALS if each.name in args.signals):
            place = folder / f"{name.replace(' ', '')}-{number.name}"
            place.mkdir()
            try:
                argv = partial(command.argv, given)
                runs = kill(argv, [number], place, args.moments, args.seed, command.real)
                check(command, runs)
            except (AssertionError, VssnError) as error:  # of whatever reads what was left
                bad += 1
                print(f"| {name} | {number.name} | | | {error} (see {place}) |", flush=True)
                continue
            ends = Counter(run.status for run in runs)
            ended = ends[INTERRUPTED] + ends[-number]
            print(f"| {name} | {number.name} | {ended} | {ends[0]} | 0 |", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
