"""List files; see ``vssn make-lists --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["make-lists", *sys.argv[1:]]))
