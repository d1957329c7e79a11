"""The version; pyproject.toml states it too, where Poetry looks for it."""

__version__ = "0.1.0"
