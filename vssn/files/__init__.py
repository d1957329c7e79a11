"""Reading only plain files, and writing so that a final name never holds half a file."""

from __future__ import annotations

from vssn.files.atomic import atomic_path, flush_to_disk, write_bytes, write_text, writing
from vssn.files.folders import (
    LOCK_FILE,
    check_writable,
    file_lock,
    folder_lock,
    make_directory,
)
from vssn.files.names import child_path, in_natural_order, is_special, natural_key
from vssn.files.reading import (
    file_sha256,
    is_dir,
    is_file,
    is_there,
    open_regular,
    read_regular,
    reason,
)
from vssn.files.temporary import (
    create_exclusively,
    is_abandoned,
    is_held,
    lock_file,
    remove_abandoned,
    temporary_files_beside,
    temporary_folder,
    temporary_name,
    undisturbed,
)

__all__ = [
    "LOCK_FILE",
    "atomic_path",
    "check_writable",
    "child_path",
    "create_exclusively",
    "file_lock",
    "file_sha256",
    "flush_to_disk",
    "folder_lock",
    "in_natural_order",
    "is_abandoned",
    "is_dir",
    "is_file",
    "is_held",
    "is_special",
    "is_there",
    "lock_file",
    "make_directory",
    "natural_key",
    "open_regular",
    "read_regular",
    "reason",
    "remove_abandoned",
    "temporary_files_beside",
    "temporary_folder",
    "temporary_name",
    "undisturbed",
    "write_bytes",
    "write_text",
    "writing",
]
