"""The project's own files: dependencies, lock, version, lists, start-up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vssn.cli.main import COMMANDS
from vssn.data.demo import DEMO_PACKAGE, STREET_PACKAGE
from vssn.version import __version__


def _read(repo_root: Path, name: str) -> str:
    return (repo_root / name).read_text(encoding="utf-8")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def locked(repo_root: Path) -> dict[str, str]:
    """Each locked requirement's text with its hashes, by normal name."""
    blocks = re.split(r"\n(?=\S)", _read(repo_root, "requirements.lock"))
    return {_normal(block.split("==")[0]): block for block in blocks}


def test_every_locked_requirement_has_a_version_and_hashes(locked: dict[str, str]) -> None:
    assert len(locked) > 20
    for block in locked.values():
        assert re.match(r"[\w.-]+==\S+", block)
        assert "--hash=sha256:" in block


@pytest.mark.parametrize(
    "name", ["requirements.lock", "clips.lock", "environment.yml", "pyproject.toml"]
)
def test_no_file_of_dependencies_names_an_address(repo_root: Path, name: str) -> None:
    text = _read(repo_root, name)
    assert not re.search(r"://|index-url|find-links|file:|^/|\s/", text)


def test_every_dependency_is_locked(repo_root: Path, locked: dict[str, str]) -> None:
    # By pattern: Python 3.10 has no TOML reader. Each requirement stands on a line of its own.
    declared = re.findall(
        r'^    "([\w.-]+)(?:\[\w+\])?[<>=]', _read(repo_root, "pyproject.toml"), re.MULTILINE
    )
    assert {"tensorflow", "av", "pytest"} <= set(declared)
    assert {_normal(name) for name in declared} <= set(locked)


def test_the_clips_packages_are_hashed(repo_root: Path) -> None:
    text = _read(repo_root, "clips.lock")
    assert {STREET_PACKAGE, DEMO_PACKAGE} == set(re.findall(r"^([\w-]+)==", text, re.MULTILINE))
    assert text.count("--hash=sha256:") >= 2


def test_every_dependency_gives_its_reason(repo_root: Path) -> None:
    requirements = re.findall(
        r'^    "[\w.-]+(?:\[\w+\])?[<>=].*$', _read(repo_root, "pyproject.toml"), re.MULTILINE
    )
    assert [line for line in requirements if not re.search(r'",\s+# \w', line)] == []


def test_the_package_has_the_version_that_it_is_installed_as(repo_root: Path) -> None:
    stated = re.search(r'^version = "(.*)"', _read(repo_root, "pyproject.toml"), re.MULTILINE)
    assert stated is not None
    assert stated[1] == __version__


def test_help_runs_without_tensorflow() -> None:
    check = (
        "import sys\n"
        "from vssn.cli.main import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        "    assert 'tensorflow' not in sys.modules\n"
    )
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert "make-lists" in finished.stdout


@pytest.mark.parametrize(("split", "lines"), [("train", 11005), ("val", 229), ("test", 6959)])
def test_a_list_file_has_its_known_number_of_lines(repo_root: Path, split: str, lines: int) -> None:
    data = (repo_root / "list" / f"{split}_file_list.txt").read_bytes()
    assert data.count(b"\n") == lines
    assert b"\r" not in data


def _pages(repo_root: Path) -> list[Path]:
    return [repo_root / "README.md", repo_root / "SECURITY.md", *(repo_root / "docs").glob("*.md")]


def test_every_link_to_a_file_leads_to_one(repo_root: Path) -> None:
    broken = [
        f"{page.name}: {link}"
        for page in _pages(repo_root)
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_every_command_in_the_pages_exists(repo_root: Path) -> None:
    shown = {
        command
        for page in _pages(repo_root)
        for command in re.findall(r"\bvssn ([a-z]+(?:-[a-z]+)*)\b(?= |`|$)", page.read_text(), re.M)
    }
    known = shown & set(COMMANDS)
    assert len(known) > 8
    assert {name for name in shown - known if "-" in name} == set()


def test_the_readme_stays_short(repo_root: Path) -> None:
    assert _read(repo_root, "README.md").count("\n") <= 150


def test_no_graph_function_is_converted_by_way_of_a_temporary_file(repo_root: Path) -> None:
    """Autograph writes its code among the temporary files, where SIGKILL leaves it."""
    calls = [
        (path.name, node)
        for path in sorted((repo_root / "vssn").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "tf.function"
    ]
    assert len(calls) > 5
    for name, call in calls:
        given = {each.arg: ast.unparse(each.value) for each in call.keywords}
        assert given.get("autograph") == "False", f"{name}: {ast.unparse(call)}"
