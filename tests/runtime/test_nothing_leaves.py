"""Loading a network opens no connection, starts no other program, and writes to the cache only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

WATCH = """
import json, os, sys
from pathlib import Path

seen = []
cache = os.environ["XDG_CACHE_HOME"]

def watch(event, arguments):
    if event.startswith("socket.") or event in ("os.fork", "os.forkpty", "os.system"):
        seen.append(event)
    elif event == "subprocess.Popen":
        # Python's own platform module asks for the processor's name.
        if "isolated_child" in str(arguments[1]) or arguments[1] == ["uname", "-p"]:
            return
        seen.append(f"{event} {arguments[1]}")
    elif event == "open" and isinstance(arguments[0], str):
        path, _, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR) and not path.startswith((cache, "/dev/null")):
            seen.append(f"open {path}")
    elif event == "os.mkdir" and not str(arguments[0]).startswith(os.path.dirname(cache)):
        seen.append(f"mkdir {arguments[0]}")

sys.dont_write_bytecode = True
sys.addaudithook(watch)
import vssn
from vssn.runtime.openvino_networks import OpenVINOLoader
from vssn.checkpoints.locate import locate_segnet

OpenVINOLoader().segmentation(locate_segnet(None))
print(json.dumps(seen))
print([name for name in ("openvino_telemetry", "tensorflow") if sys.modules.get(name)])
"""


def test_nothing_leaves_the_machine(tmp_path: Path) -> None:
    environment = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment |= {"MPLCONFIGDIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", WATCH],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env=environment,
    )
    assert done.stdout.splitlines() == ["[]", "[]"]
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
