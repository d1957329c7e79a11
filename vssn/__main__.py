"""``python -m vssn``: the same as the command ``vssn``."""

import sys

from vssn.cli.main import main

sys.exit(main())
