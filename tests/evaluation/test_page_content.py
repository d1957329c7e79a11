"""What the report page is made of, without a browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from vssn.config import SegmenterConfig
from vssn.errors import MediaError
from vssn.evaluation.page import ReportPage
from vssn.evaluation.page_content import describe_run, shown
from vssn.evaluation.page_template import render
from vssn.evaluation.runs import VideoRun
from vssn.evaluation.statistics import RunStatistics


def test_what_can_not_be_shown_becomes_an_escape() -> None:
    given = {"a\x07": ["\x1b[31m", "line\nend", 3, None, "\udc80", "Straße"]}
    expected = ["\\x1b[31m", "line\\nend", 3, None, "\\udc80", "Straße"]
    assert shown(given) == {"a\\x07": expected}


def test_what_the_run_made_of_open_settings_is_told() -> None:
    provenance = {"flow": "dis", "runtime": "a runtime", "weights": {"w.h5": "ab" * 32}}
    told = describe_run(VideoRun(RunStatistics(), provenance), SegmenterConfig(target=60))
    settings = dict(told["settings"])
    assert settings["target"] == "60"
    assert settings["flow"] == "default: dis"
    assert settings["runtime"] == "auto: a runtime"
    assert told["weights"] == [("w.h5", "ab" * 32)]


def test_content_that_looks_like_the_page_stays_content() -> None:
    content = {"title": "{{script}}</script><!--", "video": None}
    text = render(content)
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert data
    assert json.loads(data[1]) == content
    assert text.count("</script>") == 3
    assert "<!--" not in text


def test_a_page_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="output directory"):
        ReportPage(tmp_path / "file/report")
    page = ReportPage(tmp_path)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(MediaError, match=r"report .*Is a directory"):
        page.save(VideoRun(RunStatistics()))
    run = replace(VideoRun(RunStatistics()), output=tmp_path / "gone.mp4", written_frames=1)
    with pytest.raises(MediaError, match="No such file"):
        page.save(run)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "report.html"}
