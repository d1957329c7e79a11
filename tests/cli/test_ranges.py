"""Every number that a command takes has a range, which is checked when it is parsed."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from vssn.cli.main import ALIASES, COMMANDS, OneLineParser, main
from vssn.cli.values import Ranged

GIVEN = ("-1", "0", "1", "64", "1e308", "nan", "inf", str(2**40), str(10**12), "", "text", "--")
ODD = ("-1e308", "1e-308", "-inf", "1e400", "9" * 5000, " ", "0x10", "1_000", "\u0663", "1e", "\0")
LARGEST = 1 << 32  # no number means anything to a command above it
# Sizes, grids and the like, whose numbers stand in a text.
TEXTS = {"--board", "--raw_size", "--regions", "--schedule"}
TEXT_PATTERNS = (
    *("{0}x{0}", "{0}x2", "2x{0}", "fixed:{0}", "{0}", "x", "2x2x2", "fixed:", "fixed:fixed:1"),
)


def parser_of(command: str) -> argparse.ArgumentParser:
    parser = OneLineParser(prog=f"vssn {command}")
    module = importlib.import_module(f"vssn.cli.{command.replace('-', '_')}")
    module.add_arguments(parser)
    return parser


def _leaves(
    parser: argparse.ArgumentParser, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    subs = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not subs:
        yield before, parser
    for sub in subs:
        for name, leaf in sub.choices.items():
            yield from _leaves(leaf, (*before, name))


def options() -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser, argparse.Action]]:
    """Each option of each command and subcommand."""
    for command in COMMANDS:
        for names, parser in _leaves(parser_of(command), (command,)):
            for action in parser._actions:
                if action.option_strings:
                    yield names, parser, action


def _is_number(action: argparse.Action) -> bool:
    return isinstance(action.type, Ranged)


NUMBERS = [(names, parser, action) for names, parser, action in options() if _is_number(action)]


def _required(parser: argparse.ArgumentParser, but: argparse.Action) -> list[str]:
    """Something for what a command can't be called without."""
    needed: list[str] = []
    groups = [group for group in parser._mutually_exclusive_groups if group.required]
    first = [group._group_actions[0] for group in groups]
    for action in parser._actions:
        if action is but or not (action.required or action in first):
            continue
        value = str(next(iter(action.choices))) if action.choices else "given"
        needed += [*action.option_strings[:1], value]
    return needed


def _argv(
    names: tuple[str, ...], parser: argparse.ArgumentParser, action: argparse.Action, value: str
) -> list[str]:
    count = action.nargs if isinstance(action.nargs, int) else 1
    flag = action.option_strings[-1]
    needed = _required(parser, action)
    # What stands for itself first, so that no list of values takes it in.
    if count == 1 and action.nargs is None:
        return [*names, *needed, f"{flag}={value}"]
    return [*names, *needed, flag, *[value] * count]


def _ids(case: tuple[tuple[str, ...], argparse.ArgumentParser, argparse.Action]) -> str:
    return f"{' '.join(case[0])} {case[2].option_strings[-1]}"


def assert_one_line(said: str, value: str) -> None:
    assert said.startswith("error: "), (value, said)
    assert said.count("\n") == 1, (value, said)
    assert len(said) < 1200, (value, said)


def test_no_number_is_parsed_without_a_range() -> None:
    for names, _, action in options():
        assert action.type not in (int, float), (names, action.option_strings)
        if action.type is None or _is_number(action):
            continue
        parsed: Any = None
        try:
            parsed = action.type("1")  # type: ignore[operator]
        except (argparse.ArgumentTypeError, ValueError):
            continue
        assert not isinstance(parsed, int | float) or parsed is True, (names, action.option_strings)


def test_every_range_has_two_ends() -> None:
    for names, _, action in NUMBERS:
        limits = action.type.limits  # type: ignore[union-attr]
        lows = [each for each in (limits.least, limits.above) if each is not None]
        highs = [each for each in (limits.most, limits.below) if each is not None]
        assert len(lows) == len(highs) == 1, (names, action.option_strings)
        assert -LARGEST <= lows[0] < highs[0] < LARGEST, (names, action.option_strings)


def test_every_number_of_every_recipe_has_a_flag_with_a_range() -> None:
    from vssn.training.recipes import DecisionRecipe, FlowRecipe, PropagationRecipe
    from vssn.training.segnet_recipe import SegnetRecipe

    def numbers(recipe: Any, prefix: str = "") -> Iterator[str]:
        hints = get_type_hints(recipe)
        for entry in fields(recipe):
            kind = hints[entry.name]
            if is_dataclass(kind):
                yield from numbers(kind, f"{entry.name}_")
            elif kind is not bool:
                yield f"--{prefix}{entry.name}"

    flags = {flag for _, _, action in NUMBERS for flag in action.option_strings}
    for recipe in (DecisionRecipe, FlowRecipe, PropagationRecipe, SegnetRecipe):
        assert set(numbers(recipe)) <= flags


@pytest.mark.parametrize("case", NUMBERS, ids=_ids)
def test_a_number_is_refused_in_one_line_or_in_its_range(
    case: tuple[tuple[str, ...], argparse.ArgumentParser, argparse.Action],
    capsys: pytest.CaptureFixture[str],
) -> None:
    names, parser, action = case
    accepted = 0
    for value in GIVEN:
        try:
            args = parser.parse_args(_argv(names, parser, action, value)[len(names) :])
        except SystemExit:  # with code 2, as its one way out shows
            assert_one_line(capsys.readouterr().err, value)
            continue
        accepted += 1
        got = getattr(args, action.dest)
        several = got if isinstance(got, list | tuple) else [got]
        assert several, value
        for number in several:
            assert math.isfinite(number), value
            assert abs(number) < LARGEST, value
    assert 1 <= accepted <= 4, accepted


@pytest.mark.parametrize("command", COMMANDS)
def test_a_text_of_numbers_is_refused_in_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "given").mkdir()
    for names, parser, action in options():
        flag = action.option_strings[-1]
        if names[0] != command or flag not in TEXTS:
            continue
        for value, pattern in itertools.product((*GIVEN[:-1], *ODD), TEXT_PATTERNS):
            if re.fullmatch(r"(1|64)(x\1|x2)|2x(1|64)|fixed:(1|64)", text := pattern.format(value)):
                continue  # which there is
            try:
                code: object = main(_argv(names, parser, action, text))
            except SystemExit as stop:
                code = stop.code
            said = capsys.readouterr().err
            assert code == 2, (text, said)
            assert_one_line(said, text)


def _ends(case: tuple[tuple[str, ...], argparse.ArgumentParser, Any]) -> list[str]:
    limits, kind = case[2].type.limits, case[2].type.kind
    tiny = 1 if kind is int else 1e-9
    low = limits.least if limits.least is not None else limits.above + tiny
    high = limits.most if limits.most is not None else limits.below - tiny
    return [f"{kind(end)!r}" for end in (low, high)]


@pytest.mark.parametrize("case", [each for each in NUMBERS if each[0][0] == "video"], ids=_ids)
@pytest.mark.usefixtures("fake_networks")
def test_a_video_is_made_or_refused_at_both_ends_of_each_range(
    case: tuple[tuple[str, ...], argparse.ArgumentParser, argparse.Action],
    tmp_path: Path,
    weights_dir: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import cv2
    import numpy as np

    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((48, 64, 3), 70, np.uint8))
    for value in _ends(case):
        flag = case[2].option_strings[-1]
        given = [str(tmp_path / "*.png"), "--output", str(tmp_path / "v.mp4"), f"{flag}={value}"]
        engine = ["--quiet", "--segmenter", str(weights_dir / "segnet.h5")]
        code = main(["video", *given, *engine])
        said = capsys.readouterr().err
        assert code in (0, 2), (value, said)
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        assert len(errors) == (code == 2), (value, said)


def test_the_older_names_and_scripts_take_the_same_options(repo_root: Path) -> None:
    """They call the commands, so that what is tried here holds for them."""
    assert set(ALIASES.values()) <= set(COMMANDS)
    for script in (repo_root / "scripts").glob("*.py"):
        called = re.search(
            r'main\(\["([a-z-]+)", \*sys\.argv\[1:\]\](?:, segmenter="\w+")?\)', script.read_text()
        )
        assert called, script
        assert called[1] in COMMANDS
        assert "argparse" not in script.read_text()


@pytest.mark.parametrize("text", [*ODD, "9" * 100_000])
def test_what_reads_like_a_number_is_one_only_in_its_range(text: str) -> None:
    for limits in {action.type for _, _, action in NUMBERS}:
        with contextlib.suppress(argparse.ArgumentTypeError):
            assert abs(limits(text)) < LARGEST  # type: ignore[misc]
