"""The original's ``convert_keras_to_tensorflow_pb.py``; see ``vssn convert --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["convert", *sys.argv[1:]]))
