"""Files that may be missing beside others: what has their name and is no file is an error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from no_file import put_no_file

from vssn.checkpoints.confidence_fit import fits_path, read_fits
from vssn.checkpoints.graph_def import checksum_path, read_graph_bytes
from vssn.checkpoints.segnet_weights import segnet_input_hw
from vssn.data.lists import DIGEST_FILE, read_list
from vssn.errors import BadInputError
from vssn.models.architectures import RESNET50_SEGNET
from vssn.runtime.int8_ranges import ranges_path, read_ranges
from vssn.training.feature_record import RECORD_FILE, check_feature_record
from vssn.training.sources import RULES_FILE, read_source

KINDS = ("pipe", "device", "null", "loop", "folder", "socket", "dangling", "sparse")
Reader = tuple[Callable[[Path], Path], Callable[[Path], object]]
# Where each lies, of a file beside it, and how it is read.
READERS: dict[str, Reader] = {
    "config": (
        lambda path: path.with_name(RESNET50_SEGNET.config_file),
        segnet_input_hw,
    ),
    "ranges": (ranges_path, lambda path: read_ranges(path, "0" * 64)),
    "fits": (fits_path, read_fits),
    "checksum": (checksum_path, read_graph_bytes),
    "digests of lists": (lambda path: path.with_name(DIGEST_FILE), read_list),
    "features' record": (
        lambda path: path.with_name(RECORD_FILE),
        lambda path: check_feature_record(path.parent),
    ),
    "label rules": (
        lambda path: path.with_name(RULES_FILE),
        lambda path: read_source(path.parent),
    ),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_is_no_missing_file(tmp_path: Path, name: str, kind: str) -> None:
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0.png").touch()
    path = tmp_path / "x.h5"
    path.write_text("a.png a.png b.png\n")
    beside, read = READERS[name]
    read(path)  # there is none
    put_no_file(beside(path), kind)
    with pytest.raises(BadInputError) as caught:
        read(path)
    assert beside(path).name in str(caught.value)
    assert "\n" not in str(caught.value)
