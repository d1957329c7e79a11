"""Runs commands over fakes and ends them by signals: ``python -m kills.run RUNS.json``.

One process imports everything and forks for each run, which then takes a fraction of a second.
"""

from __future__ import annotations

import atexit
import faulthandler
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from fake_networks import FakeDecision, FakeFlow, FakeSegmentation

from vssn.checkpoints.hdf5 import LayerWeights, write_layer_weights
from vssn.checkpoints.segnet_weights import write_segnet_config
from vssn.cli import (  # noqa: F401 - loaded before the runs
    calibrate,
    convert,
    extract_frames,
    features,
    fit_schedule,
    infer,
    synthetic_video,
    train_segnet,
    video,
)
from vssn.cli.main import main
from vssn.evaluation import page, plots  # noqa: F401
from vssn.media import window  # noqa: F401
from vssn.original import preset  # noqa: F401
from vssn.runtime import int8_ranges, load, startup
from vssn.scene import records  # noqa: F401
from vssn.training import confidence_fit, loop  # noqa: F401

LONGEST_S, LONGEST_REAL_S = 60, 600
SECONDS_PER_FRAME = 0.01
STEPS, STEP_S = 4, 0.01
WEIGHTS_HW = (64, 96)


class Variable:
    """Stands for a network's variable."""

    def __init__(self) -> None:
        self.value = np.zeros((8, 8), np.float32)

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)


class Training:
    """A training of a made-up network, whose result depends on every step."""

    steps_per_epoch = STEPS

    def __init__(self) -> None:
        self._variable = Variable()

    def variables(self) -> list[Any]:
        return [self._variable]

    def batches(self, epoch: int) -> Any:
        rng = np.random.default_rng(epoch)
        return ((rng.normal(size=(8, 8)).astype(np.float32),) for _ in range(STEPS))

    def train_step(self, batch: np.ndarray) -> dict[str, float]:
        time.sleep(STEP_S)
        self._variable.value = np.float32(0.9) * self._variable.value + batch
        return {"loss": float(np.abs(self._variable.value).mean())}

    def validate(self) -> dict[str, float]:
        return {"error": float(np.abs(self._variable.value).max())}

    def is_better(self, metrics: dict[str, float], best: dict[str, float]) -> bool:
        return metrics["error"] < best["error"]

    def save(self, directory: Path, best: bool) -> None:
        name = "resnet50_segnet.h5" if best else "resnet50_segnet_last.h5"
        layer = LayerWeights("made_up", {"kernel": self._variable.value})
        write_layer_weights(directory / name, [layer], exact=True)
        write_segnet_config(WEIGHTS_HW, directory)


def _fake_exporter() -> None:
    """Let ``convert`` write a file and its companion, without TensorFlow's work."""
    from vssn.checkpoints import convert as converting
    from vssn.checkpoints import exporters

    def write(graph_def: Any, path: Path) -> None:
        time.sleep(20 * STEP_S)
        path.write_bytes(b"graph" * 1000)
        path.with_name(path.name + ".sha256").write_text("digest of the graph\n")

    def compare(*given: Any) -> converting.ConversionReport:
        time.sleep(10 * STEP_S)
        return converting.ConversionReport(given[3], 1, 0.0)

    converting.EXPORTERS["pb"] = exporters.Exporter(write, lambda path: lambda image: image, ".pb")
    converting.load_segnet = lambda *_: None  # type: ignore[assignment,return-value]
    converting.frozen_graph_def = lambda *_: None  # type: ignore[assignment,return-value]
    converting._compare = compare


def _fake_ranges() -> None:
    def measured(*_: Any) -> dict[str, tuple[float, float]]:
        time.sleep(20 * STEP_S)
        return {"conv1": (-1.0, 2.0)}

    int8_ranges.read_any_segnet = lambda path: ({}, WEIGHTS_HW)  # type: ignore[assignment]
    int8_ranges.calibrate = measured  # type: ignore[assignment]
    int8_ranges.keep_sensitive = lambda weights, ranges, *_: ranges  # type: ignore[assignment]
    int8_ranges.weights_digest = lambda weights: "0" * 64  # type: ignore[assignment]


def prepare(with_tensorflow: bool) -> None:
    """Let every command have the fakes, slowed."""
    slow = FakeSegmentation()
    slow.before_each = lambda: time.sleep(SECONDS_PER_FRAME)
    networks = load.Networks(slow, FakeFlow(), FakeDecision(), "fake")
    load.load_networks = lambda *_, **__: networks
    load.load_segmentation = lambda *_, **__: slow
    load.load_flow = lambda *_, **__: networks.flow
    startup.start_tensorflow = lambda *_: None
    train_segnet._task = lambda args: (Training(), "{}")  # type: ignore[assignment,return-value]
    _fake_ranges()
    if with_tensorflow:
        _fake_exporter()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # a job in the background ignores some
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def start_real(argv: list[str], log: Path) -> int:
    """Start a command as a user would; return the process id."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with log.open("wb") as file:
        command = [sys.executable, "-m", "vssn", *argv]
        return subprocess.Popen(command, stdout=file, stderr=file, env=environment).pid


def start(argv: list[str], log: Path) -> int:
    """Fork; return the process id."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    process = os.fork()
    if process:
        os.close(descriptor)
        return process
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    faulthandler.register(signal.SIGUSR1)
    code = 99
    try:
        code = main(argv)
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        atexit._run_exitfuncs()  # as the end of a process does
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def status_of(process: int, log: Path, real: bool) -> int:
    """Wait for a process; say where it stands if it hangs."""
    until_s = time.monotonic() + (LONGEST_REAL_S if real else LONGEST_S)
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until_s:
            os.kill(process, signal.SIGUSR1)
            time.sleep(1)
            os.kill(process, signal.SIGKILL)
            raise TimeoutError(log.read_text())
        time.sleep(0.005)


def seconds_of(given: dict[str, Any]) -> float:
    """How long a run takes that is not ended."""
    begin = start_real if given["real"] else start
    out = Path(given["out"])
    whole = out.with_name(f"{out.name}-whole")
    if out.is_dir():
        shutil.copytree(out, whole)
    argv = [part.replace(given["out"], str(whole), 1) for part in given["argv"]]
    begun = time.perf_counter()
    log = out.with_name(f"{out.name}-whole.log")
    assert status_of(begin(argv, log), log, given["real"]) == 0, log.read_text()
    return time.perf_counter() - begun


def run(given: dict[str, Any]) -> dict[str, Any]:
    """Kill a run, keep a copy of what it left, and run again to the end."""
    begin = start_real if given["real"] else start
    out = Path(given["out"])
    log = out.with_name(f"{out.name}.log")
    process = begin(given["argv"], log)
    for delay in given["delays"]:
        time.sleep(delay)
        os.kill(process, given["signal"])
    status = status_of(process, log, given["real"])
    said = log.read_text()
    if out.is_dir():
        shutil.copytree(out, out.with_name(f"{out.name}-killed"))
    resumed = ["--resume"] if (out / loop.STATE_FILE).exists() else []
    again = status_of(begin(given["argv"] + resumed, log), log, given["real"])
    return {"status": status, "said": said, "again": again, "said_again": log.read_text()}


if __name__ == "__main__":
    runs = json.loads(Path(sys.argv[1]).read_text())
    if not any(each["real"] for each in runs):
        prepare(any(each["argv"][0] == "convert" for each in runs))
    taken_s = seconds_of(runs[0])
    for each in runs:
        each["delays"][0] *= taken_s
    print(json.dumps([run(each) for each in runs]))
