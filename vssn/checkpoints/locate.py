"""Finding weights: default folders, nested downloads, TF1's ``checkpoint`` state file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vssn.errors import CheckpointError
from vssn.files import file_sha256, is_dir, is_file, open_regular, read_regular
from vssn.models.architectures import ARCHITECTURES, BY_OPTION, RESNET50_SEGNET
from vssn.shipped import find_shipped

FLOWNETS_FOLDER = "dvs_net_flownets_checkpoints"
DECISION_FOLDER = "decision_network_checkpoints"
FINETUNE_FOLDER = "finetune"
KERAS_SUFFIXES = (".h5", ".keras", ".weights.h5")
SEGNET_SUFFIXES = (".pb", *KERAS_SUFFIXES)
STATE_FILE = "checkpoint"
MAX_STATE_BYTES = 1 << 20
MAX_WEIGHTS_BYTES = 1 << 31
HDF5_START = b"\x89HDF\r\n\x1a\n"
MAX_NESTING = 4
DOWNLOAD_REMEDY = "give its path, download the weights (see README), or train the network"


def index_path(prefix: Path) -> Path:
    """The ``.index`` file of a TF1 checkpoint's prefix."""
    return prefix.with_name(f"{prefix.name}.index")


def data_path(prefix: Path, shard: int = 0, shards: int = 1) -> Path:
    """The data file number ``shard`` of a TF1 checkpoint's prefix."""
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")


def _missing(what: str, path: Path, expected: str) -> CheckpointError:
    return CheckpointError(f"{what} '{path}'", expected, DOWNLOAD_REMEDY)


def _start(path: str | Path | None, default_folder: str) -> Path:
    """What the user gave, else the default folder: here, in the checkout or in the package."""
    return find_shipped(default_folder) if path is None else Path(path).expanduser()


def _nested(folder: Path, default_folder: str) -> Iterator[Path]:
    """``folder`` and those below that unzipping a download makes, outer ones first."""
    names = [name for name in (folder.resolve().name, default_folder, FINETUNE_FOLDER) if name]
    names = list(dict.fromkeys(names))
    level = [folder]
    for _ in range(MAX_NESTING):
        yield from level
        level = [inner / name for inner in level for name in names if is_dir(inner / name)]


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5 whatever its name: other trainings call theirs ``PATH.EPOCH``."""
    with open_regular(path, MAX_WEIGHTS_BYTES, "weights", CheckpointError) as file:
        return file.read(len(HDF5_START)) == HDF5_START


def locate_segnet(path: str | Path | None, suffixes: tuple[str, ...] = SEGNET_SUFFIXES) -> Path:
    """Find the segmentation network's file.

    Args:
        path: a .pb, .h5, .keras or .weights.h5 file, a .h5 under another name, or a folder that
            holds (at some depth of a nested download) ``resnet50_segnet`` or ``light_segmenter``
            with one of these suffixes, which are tried in this order; or a network's name,
            "resnet50_segnet" or "light", for its default folder here or beside the package; None
            for the former.
        suffixes: which of them to take; :data:`KERAS_SUFFIXES` where a graph is no use.

    Raises:
        CheckpointError: there is none, or the file is of another kind.
    """
    named = BY_OPTION.get(str(path)) if path is not None else RESNET50_SEGNET
    start = find_shipped(named.folder) if named else Path(str(path)).expanduser()
    if is_file(start):
        if not start.name.endswith(suffixes) and not is_hdf5(start):
            raise _missing("weights", start, f"a {', '.join(suffixes)} file")
        return start
    expected = "an existing file or folder, or " + " or ".join(a.option for a in ARCHITECTURES)
    if not is_dir(start):
        raise _missing("weights", start, expected)
    for architecture in (named,) if named else ARCHITECTURES:
        for folder in _nested(start, architecture.folder):
            for suffix in suffixes:
                if is_file(folder / f"{architecture.name}{suffix}"):
                    return folder / f"{architecture.name}{suffix}"
    names = " or ".join(a.name for a in ((named,) if named else ARCHITECTURES))
    raise _missing("weights folder", start, f"{names}{', '.join(suffixes)} in it")


def _unescaped(text: str) -> str:
    """Undo the escapes of protocol buffers' text format (non-ASCII bytes are octal there)."""
    try:
        return text.encode("latin-1").decode("unicode_escape").encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _recorded(state: Path) -> str:
    """The path in a state file; relative to it, or of the machine that wrote it."""
    text = read_regular(state, MAX_STATE_BYTES, "state file", CheckpointError).decode(
        "utf-8", "replace"
    )
    found = re.search(r'^\s*model_checkpoint_path:\s*"((?:[^"\\\n]|\\.)+)"', text, re.MULTILINE)
    if found is None:
        raise _missing("state file", state, "a line 'model_checkpoint_path: \"...\"'")
    return _unescaped(found[1])


def _state_prefix(folder: Path) -> Path:
    """The checkpoint that the folder's state file names."""
    recorded = _recorded(folder / STATE_FILE)
    # A copied folder still records its old place. Its own files come first, since they are what
    # the user pointed at, also where the old place holds other weights by now.
    inside = folder / re.split(r"[/\\]", recorded)[-1]
    relative_first = not Path(recorded).is_absolute()
    candidates = (folder / recorded, inside) if relative_first else (inside, Path(recorded))
    for prefix in candidates:
        if prefix.name and (is_file(index_path(prefix)) or is_file(prefix)):
            return _complete_prefix(prefix)
    raise _missing("state file", folder / STATE_FILE, f"the checkpoint '{recorded}' it names")


def _complete_prefix(path: Path) -> Path:
    """A prefix as given, with the highest global step where it was left out."""
    prefix = path.with_name(re.sub(r"\.(index|meta|data-\d{5}-of-\d{5})$", "", path.name))
    if prefix.name and is_file(index_path(prefix)):
        return prefix
    steps = {
        int(found[1]): file.with_suffix("")
        for file in (path.parent.glob("*.index") if is_dir(path.parent) else ())
        if (found := re.fullmatch(re.escape(prefix.name) + r"-(\d+)\.index", file.name))
    }
    if steps:
        return steps[max(steps)]
    if is_file(path):
        expected = "TensorFlow's V2 format (.index and .data files)"
        raise CheckpointError(
            f"checkpoint '{path}', a single file as TensorFlow's V1 format",
            expected,
            "restore it with TensorFlow 1 and save it with tf.train.Saver()",
        )
    raise _missing("TF1 checkpoint", path, "an existing prefix or folder")


def locate_tf1(path: str | Path | None, default_folder: str) -> Path:
    """Find a TF1 checkpoint.

    Args:
        path: a folder with a ``checkpoint`` state file, in itself or in ``finetune`` or a nested
            download below; that file; or a prefix such as ``model.ckpt``, with or without its
            global step; None for the default folder here or beside the package.
        default_folder: :data:`FLOWNETS_FOLDER` or :data:`DECISION_FOLDER`.

    Returns:
        The prefix: the path of the ``.index`` file without that suffix.

    Raises:
        CheckpointError: there is none, or it is of TensorFlow's old V1 format.
    """
    start = _start(path, default_folder)
    if start.name == STATE_FILE and is_file(start) and not is_file(index_path(start)):
        return _state_prefix(start.parent)
    if not is_dir(start):
        return _complete_prefix(start)
    for folder in _nested(start, default_folder):
        if is_file(folder / STATE_FILE):
            return _state_prefix(folder)
    # Some downloads lack the state file; a single checkpoint leaves nothing to choose.
    for folder in _nested(start, default_folder):
        indices = list(folder.glob("[!.]*.index"))
        if len(indices) == 1:
            return indices[0].with_suffix("")
    raise _missing("checkpoint folder", start, f"a '{STATE_FILE}' state file in it")


def weights_stem(path: Path) -> str:
    """A weight file's name without what tells its kind; ``best.v1.h5`` is ``best.v1``."""
    for suffix in sorted(SEGNET_SUFFIXES, key=len, reverse=True):
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return path.name


def weights_files(path: Path) -> list[Path]:
    """The files that weights consist of.

    Args:
        path: a file, or a TF1 prefix from :func:`locate_tf1`.

    Raises:
        CheckpointError: there are none.
    """
    if is_file(path):
        return [path]
    data = sorted(path.parent.glob(f"{_glob_escape(path.name)}.data-?????-of-?????"))
    if not is_file(index_path(path)) or not data:
        raise _missing("weights", path, f"{index_path(path).name} and {data_path(path).name}")
    return [index_path(path), *data]


def _glob_escape(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def sha256_of(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 digests in hexadecimal, by path.

    Raises:
        CheckpointError: a file can't be read.
    """
    digests = {}
    for path in paths:
        try:
            digests[str(path)] = file_sha256(path, MAX_WEIGHTS_BYTES, "weights", CheckpointError)
        except OSError as error:
            raise _missing("weights", path, f"a readable file ({error.strerror})") from error
    return digests
