"""The original's ``inference_resnet_segnet.py``; see ``vssn infer --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["infer", *sys.argv[1:]], segmenter="resnet50_segnet"))
