"""The original's ``train_decision_network.py``; see ``vssn train-decision --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train-decision", *sys.argv[1:]]))
