"""Training of the flow network; see ``vssn train-flownets --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train-flownets", *sys.argv[1:]]))
