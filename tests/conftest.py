"""What every test may use."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# Before anything imports TensorFlow: its start-up messages would drown the tests' own.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from fake_networks import FakeDecision, FakeFlow, FakeSegmentation, painted

from vssn.types import UInt8Array

if TYPE_CHECKING:
    import keras

    from vssn.runtime.load import Networks

_REPO_ROOT = Path(__file__).resolve().parents[1]

NOBODY = 65534  # the user without rights, by custom


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The repository's root directory."""
    return _REPO_ROOT


@pytest.fixture(scope="session")
def shared_data(repo_root: Path) -> Path:
    """The folder of real data: $VSSN_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("VSSN_DATA", repo_root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"NO REAL DATA: '{folder}' is missing; set VSSN_DATA to the folder that holds it"
        )
    return folder


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """Run the test without root's right to read and write everything.

    Only this thread's rights change, and only for files; ``tmp_path`` is the test's own.
    """
    if not hasattr(os, "geteuid"):
        pytest.skip("Windows knows no permission bits")
    if os.geteuid() != 0:
        yield
        return
    os.chown(tmp_path, NOBODY, NOBODY)
    for folder in (tmp_path, *tmp_path.parents):  # pytest's folders let only their owner through
        if folder.stat().st_uid in (0, NOBODY) and folder.is_relative_to(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o111)
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def paint() -> Callable[[np.ndarray], UInt8Array]:
    """See :func:`painted`."""
    return painted


@pytest.fixture
def fake_segmentation() -> FakeSegmentation:
    return FakeSegmentation()


@pytest.fixture
def fake_flow() -> FakeFlow:
    return FakeFlow()


@pytest.fixture
def fake_decision() -> FakeDecision:
    return FakeDecision()


@pytest.fixture
def fake_networks(
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    fake_decision: FakeDecision,
    monkeypatch: pytest.MonkeyPatch,
) -> Networks:
    """The fakes, which every command then gets for its weights."""
    from vssn.runtime import load

    networks = load.Networks(fake_segmentation, fake_flow, fake_decision, "fake")
    monkeypatch.setattr(load, "load_networks", lambda *_, **__: networks)
    monkeypatch.setattr(load, "load_segmentation", lambda *_, **__: fake_segmentation)
    monkeypatch.setattr(load, "load_flow", lambda *_, **__: fake_flow)
    return networks


@pytest.fixture
def weights_dir(tmp_path: Path) -> Path:
    """A folder with files that look like weights from outside; only fakes can be made of them."""
    folder = tmp_path / "weights"
    folder.mkdir()
    for name in ("flow", "decision"):
        (folder / f"{name}.index").write_bytes(name.encode())
        (folder / f"{name}.data-00000-of-00001").write_bytes(name.encode() * 2)
    (folder / "segnet.h5").write_bytes(b"segnet")
    return folder


@pytest.fixture
def weight_flags(weights_dir: Path) -> list[str]:
    """The commands' flags for ``weights_dir``."""
    return [
        *("--segnet_chkpt", str(weights_dir / "segnet.h5")),
        *("--dvs_flownet_chkpt", str(weights_dir / "flow")),
        *("--decision_chkpt", str(weights_dir / "decision")),
    ]


@pytest.fixture
def tf1_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """TF1 checkpoints are read here, as their child process does that starts TensorFlow each time.

    tests/checkpoints/test_bundle.py holds the two ways equal.
    """
    from vssn.checkpoints import bundle

    isolated = bundle.read_isolated

    def read(reader: str, path: Path) -> list[tuple[tuple[str, ...], np.ndarray]]:
        if reader != "tf1":
            return isolated(reader, path)
        arrays = bundle.parse_bundle(path)
        for values in arrays.values():
            values.flags.writeable = False
        return [((name,), values) for name, values in arrays.items()]

    monkeypatch.setattr(bundle, "read_isolated", read)


@pytest.fixture
def refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., str]:
    """Checks that a command refuses its input: one line, exit code 2, no file left behind."""
    from vssn.cli.main import main

    def check(argv: Sequence[str | Path], *words: str) -> str:
        before = {path for path in tmp_path.rglob("*") if path.is_file()}
        try:
            code: object = main([str(argument) for argument in argv])
        except SystemExit as stop:
            code = stop.code
        error = capsys.readouterr().err
        assert code == 2, error
        assert error.startswith("error: "), error
        assert error.count("\n") == 1, error
        for word in words:
            assert word in error, error
        assert {path for path in tmp_path.rglob("*") if path.is_file()} == before
        return error

    return check


def randomised(build: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Build a network, give every weight a value of its own, batch-norm statistics too."""
    import keras

    keras.utils.set_random_seed(seed)  # the first weights are drawn from Keras' own generator
    model = build()
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        if "seed" in variable.name:
            continue
        value = np.asarray(variable)
        factor = rng.uniform(0.7, 1.3, value.shape)
        shift = 0 if value.ndim > 1 or value.all() else rng.uniform(-0.1, 0.1, value.shape)
        variable.assign((value * factor + shift).astype(np.float32))
    return model


@pytest.fixture(scope="session")
def default_segnet() -> keras.Model:
    """ResNet50-SegNet at its default size; not to be changed."""
    from vssn.models.segnet import build_segnet

    return build_segnet()


@pytest.fixture(scope="session")
def small_segnet() -> keras.Model:
    """ResNet50-SegNet for 64x96 px; not to be changed."""
    from vssn.models.segnet import build_segnet

    return randomised(lambda: build_segnet((64, 96)), 1)


@pytest.fixture(scope="session")
def small_light() -> keras.Model:
    """The light segmenter for 64x96 px; not to be changed."""
    from vssn.models.light import build_light

    return randomised(lambda: build_light((64, 96)), 4)


@pytest.fixture(scope="session")
def flownets() -> keras.Model:
    """FlowNetS at its default size; not to be changed."""
    from vssn.models.flownets import build_flownets

    return randomised(lambda: build_flownets(), 2)


@pytest.fixture(scope="session")
def decision() -> keras.Model:
    """The decision network; not to be changed."""
    from vssn.models.decision import build_decision

    return randomised(lambda: build_decision(), 3)
