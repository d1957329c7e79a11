"""The environment of processes that tests send signals to."""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """This process's environment without what makes Coverage measure a child.

    A KeyboardInterrupt inside Coverage's tracer leaves its lock taken, and the child waits for it
    for ever.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COVERAGE_PROCESS_")
    }
