"""Keras architectures. They know no files: see :mod:`vssn.checkpoints` for weights."""
