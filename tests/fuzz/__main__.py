"""``make fuzz MINUTES=30``: try all readers and print the table of how that ended."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from fuzz.harness import Fuzz, endless, make_corpus


def main() -> int:
    """0 where every case was accepted or refused in one line, else 1."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--cases", type=int, help="stop after so many")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--readers", nargs="*", help="only these")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vssn-fuzz-"))
    (folder / "cases").mkdir()
    fuzz = Fuzz(make_corpus(folder / "seeds"), folder / "cases")
    readers = itertools.cycle(args.readers) if args.readers else endless(random.Random(args.seed))
    until = time.monotonic() + 60 * args.minutes
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):  # what was tried by then is shown
        fuzz.run(itertools.islice(readers, args.cases), args.seed, until)
    for case in fuzz.bad:
        print(f"{case.kind}: {case.reader} {str(case.path)!r} ({case.damage})\n{case.text}")
    print(f"seed {args.seed}, {sum(fuzz.counts.values())} cases, bad ones in {folder / 'cases'}")
    print(fuzz.table())
    return 1 if fuzz.bad else 0


if __name__ == "__main__":
    sys.exit(main())
