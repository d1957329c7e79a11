"""The original's ``generate_resnet_features.py``; see ``vssn features --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["features", *sys.argv[1:]]))
