"""TensorFlow 1's checkpoints (``tf.train.Saver``, V2 format) by TensorFlow's own reader and writer.

A checkpoint is ``<prefix>.index`` and ``<prefix>.data-NNNNN-of-NNNNN``, with checksums that
TensorFlow verifies. TensorFlow is imported inside functions: this module is loaded by every run.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vssn.checkpoints.isolated import DTYPES, Array, read_isolated
from vssn.checkpoints.locate import data_path, index_path, weights_files
from vssn.errors import CheckpointError
from vssn.files import atomic_path, open_regular, temporary_folder

MAX_INDEX_BYTES = 1 << 24
MAX_DATA_BYTES = 1 << 30
MAX_VALUES = 1 << 28
WHAT = "TF1 checkpoint"


def _refuse(prefix: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"{WHAT} '{prefix}' ({what[:200]})",
        "undamaged .index and .data files of tf.train.Saver",
        "copy or download the checkpoint again",
    )


def parse_bundle(prefix: Path) -> dict[str, Array]:
    """Read every variable in this process; see :func:`read_bundle`."""
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        if sum(int(np.prod(shape, dtype=np.float64)) for shape in shapes.values()) > MAX_VALUES:
            raise _refuse(prefix, f"more than {MAX_VALUES} values")
        for name in shapes:
            if np.dtype(dtypes[name].as_numpy_dtype).str not in DTYPES:
                raise _refuse(prefix, f"'{name}' is of type {dtypes[name].name}")
        return {
            name: np.asarray(reader.get_tensor(name)) for name in sorted(shapes, key=str.encode)
        }
    except CheckpointError:
        raise
    # Damage raises any of TensorFlow's and Python's errors.
    except Exception as error:
        raise _refuse(prefix, f"{type(error).__name__}: {error}") from error


def read_bundle(prefix: Path) -> dict[str, Array]:
    """Read every variable of a checkpoint, in a child process.

    Args:
        prefix: path without ``.index``, for instance ``finetune/model.ckpt``.

    Returns:
        Read-only arrays by variable name, in the order of names.

    Raises:
        CheckpointError: missing, damaged (all checksums are verified), or of types that network
            weights don't have.
    """
    for path in weights_files(prefix):
        limit = MAX_INDEX_BYTES if path == index_path(prefix) else MAX_DATA_BYTES
        open_regular(path, limit, WHAT, CheckpointError).close()
    return {name: values for (name,), values in read_isolated("tf1", prefix)}


def write_bundle(prefix: Path, variables: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Write variables as ``tf.train.Saver`` does, so that it restores them; atomically.

    There is no ``.meta`` file: a saver needs it only to rebuild a graph, not to restore into one.

    Args:
        prefix: path without ``.index``; its folder must exist.
        variables: float32 arrays by variable name.

    Raises:
        CheckpointError: the files can't be written.
    """
    import tensorflow as tf

    names = sorted(variables, key=str.encode)
    tensors = [tf.constant(np.asarray(variables[name], np.float32)) for name in names]
    # Should renaming be cut short between the two files, then the checksums tell: old values
    # never pass for new ones.
    with (
        atomic_path(index_path(prefix), WHAT, CheckpointError) as index,
        atomic_path(data_path(prefix), WHAT, CheckpointError) as data,
        temporary_folder(prefix) as folder,
    ):
        written = folder / "model.ckpt"
        try:
            tf.raw_ops.SaveV2(
                prefix=str(written),
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=tensors,
            )
        except tf.errors.OpError as error:
            raise OSError(error.message) from error
        shutil.copyfile(data_path(written), data)  # not moved: those files are locked
        shutil.copyfile(index_path(written), index)
