"""Training of the segmentation network; see ``vssn train-segnet --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train-segnet", *sys.argv[1:]]))
