"""The original's ``inference_resnet_segnet_video.py``; see ``vssn video --help``."""

import sys

from vssn.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["video", *sys.argv[1:]], segmenter="resnet50_segnet"))
