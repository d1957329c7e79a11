"""Flags made of a recipe's dataclass."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from vssn.cli.recipe_flags import (
    add_phase_arguments,
    add_recipe_arguments,
    recipe_from_arguments,
)
from vssn.training.settings import setting


@dataclass(frozen=True)
class Views:
    scale: tuple[float, float] = setting((0.5, 2.0), "zoom", above=0)
    hidden: int = 3


@dataclass(frozen=True)
class Recipe:
    batch_size: int = setting(6, "views per step", least=1)
    rate: float = setting(2e-4, "peak learning rate, in 100 %", above=0, below=1)
    crop_hw: tuple[int, int] = setting((288, 320), "size in px", least=32)
    frozen: bool = setting(False, "leave them")
    mixed: bool = False
    views: Views = field(default_factory=Views)


def parsed(argv: Sequence[str], **others: object) -> Recipe:
    parser = argparse.ArgumentParser()
    add_recipe_arguments(parser, Recipe)
    return recipe_from_arguments(parser.parse_args(argv), Recipe, **others)


def test_without_flags_the_recipe_is_the_default_one() -> None:
    assert parsed([]) == Recipe()


def test_every_setting_has_a_flag() -> None:
    argv = ["--batch_size", "2", "--rate", "0.1", "--crop_hw", "64", "96", "--frozen"]
    got = parsed([*argv, "--views_scale", "0.7", "1.5"], mixed=True)
    assert got == Recipe(2, 0.1, (64, 96), True, True, Views((0.7, 1.5)))
    assert isinstance(got.crop_hw, tuple)
    assert not parsed(["--no-frozen"]).frozen


def test_a_field_that_is_no_setting_has_no_flag(capsys: pytest.CaptureFixture[str]) -> None:
    for flag in ("--mixed", "--views_hidden", "--hidden"):
        with pytest.raises(SystemExit):
            parsed([flag, "1"])
        assert flag in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--batch_size", "0"], "'0' is not 1 or more"),
        (["--batch_size", "1.5"], "'1.5' is no whole number"),
        (["--rate", "0"], "'0' is not above 0"),
        (["--rate", "1"], "'1' is not above 0, below 1"),
        (["--rate", "nan"], "'nan' is no finite number"),
        (["--rate", "fast"], "'fast' is no number"),
        (["--crop_hw", "64", "16"], "'16' is not 32 or more"),
        (["--crop_hw", "64"], "expected 2 arguments"),
    ],
)
def test_wrong_values_are_refused(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parsed(argv)
    assert said in capsys.readouterr().err


def test_help_says_what_a_setting_is_and_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "peak learning rate, in 100 % (default: 0.0002)" in text
    assert "size in px (default: 288 320)" in text


@dataclass(frozen=True)
class First:
    rate: float = setting(0.5, "peak learning rate", above=0, most=1)
    pairs: int = setting(8, "pairs per step", least=1)


@dataclass(frozen=True)
class Second:
    rate: float = setting(0.25, "peak learning rate", above=0, most=1)


def test_each_phase_has_its_own_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_phase_arguments(parser, {"without --task": First, "with --task": Second})
    args = parser.parse_args(["--pairs", "2"])
    assert recipe_from_arguments(args, First) == First(0.5, 2)
    assert recipe_from_arguments(args, Second) == Second(0.25)
    assert recipe_from_arguments(parser.parse_args(["--rate", "1"]), Second) == Second(1.0)
    with pytest.raises(SystemExit):
        parser.parse_args(["--rate", "1.5"])
    assert "'1.5' is not above 0, up to 1" in capsys.readouterr().err
    assert "0.5 without --task, 0.25 with --task" in " ".join(parser.format_help().split())
