"""Starting TensorFlow without its start-up messages."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Discard the process' stderr; Python's exceptions are not affected."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def start_tensorflow(threads: int | None = None) -> None:
    """Import TensorFlow and Keras for a CPU; a second call does nothing.

    Args:
        threads: how many to compute with; None for one per core.
    """
    if "tensorflow" in sys.modules and "keras" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    # Left off by TensorFlow where the processor has no AVX-512, though twice as fast there too.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # Training and weight files need TensorFlow, whatever the user's Keras is set to.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # No setting silences the messages of TensorFlow's libraries at import.
    with _quiet_stderr():
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    keras.utils.disable_interactive_logging()
