"""The step that pyproject.toml can't describe: what lies beside the package goes into the wheel.

The folders of weights and lists stand at the top of a checkout, where the commands' users know
them. An installed package carries a copy of them in ``vssn/_shipped``; a checkout and an editable
installation have none and use the folders themselves (see ``vssn/shipped.py``).
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = (
    "list",
    "resnet50_segnet_model",
    "light_segmenter_model",
    "dvs_net_flownets_checkpoints",
    "decision_network_checkpoints",
)
# Weights, what belongs to them, and lists; not what trainings and conversions leave behind.
PATTERNS = ("*.h5", "*.json", "*.md", "checkpoint", "*.index", "*.data-*-of-*", "*_file_list.txt")
LEFT_BEHIND = ("*_last.h5", "training_state*", ".*")


class BuildWithShippedFiles(build_py):
    """Copies the shipped files into the package that is built."""

    def run(self) -> None:
        """Build as usual, then copy; an editable installation needs no copy."""
        super().run()
        if self.editable_mode:
            return
        for source, target in self._shipped().items():
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """Name every file that is built."""
        built: list[str] = super().get_outputs(include_bytecode)
        return built if self.editable_mode else [*built, *self._shipped().values()]

    def get_source_files(self) -> list[str]:
        """Name every file that a source distribution needs."""
        needed: list[str] = super().get_source_files()
        return [*needed, *self._shipped()]

    def _shipped(self) -> dict[str, str]:
        """Places in the package that is built, by source file."""
        files = (
            path
            for folder in FOLDERS
            for path in sorted(Path(folder).rglob("*"))
            if path.is_file()
            and any(path.match(pattern) for pattern in PATTERNS)
            and not any(path.match(pattern) for pattern in LEFT_BEHIND)
        )
        return {str(path): str(Path(self.build_lib, "vssn", "_shipped", path)) for path in files}


setup(cmdclass={"build_py": BuildWithShippedFiles})
