"""Flags made of a recipe's dataclass, and a recipe made of the flags.

A field declared with :func:`vssn.training.settings.setting` is a flag of its name; a field that is
itself such a dataclass gives flags of its fields, with its name before theirs. Other fields have no
flag.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from vssn.cli.values import Ranged
from vssn.training.settings import KEY, Setting

Recipe = TypeVar("Recipe")


def add_recipe_arguments(parser: argparse.ArgumentParser, recipe: type[Any]) -> None:
    """Declare a flag for each setting of a recipe.

    Args:
        parser: where the flags go.
        recipe: a dataclass.
    """
    _add(parser, recipe, "")


def add_phase_arguments(parser: argparse.ArgumentParser, phases: Mapping[str, type[Any]]) -> None:
    """Declare the flags of a training in phases, each of which has a recipe of its own.

    A flag that is left out takes the default of the phase's recipe.

    Args:
        parser: where the flags go.
        phases: each phase's recipe by what tells it in ``--help``, such as "with --task".
    """
    names: dict[str, list[tuple[str, Field[Any], Any, Setting]]] = {}
    for phase, recipe in phases.items():
        for entry, kind, setting in _settings(recipe):
            if setting is not None:
                names.setdefault(entry.name, []).append((phase, entry, kind, setting))
    for name, uses in names.items():
        _, _, kind, setting = uses[0]
        texts = dict.fromkeys(setting.what for _, _, _, setting in uses)
        defaults = ", ".join(f"{entry.default:g} {phase}" for phase, entry, _, _ in uses)
        parser.add_argument(
            f"--{name}",
            type=Ranged(kind, setting.limits),
            metavar=kind.__name__.upper(),
            help=f"{'; '.join(texts)} (default: {defaults})".replace("%", "%%"),
        )


def recipe_from_arguments(args: argparse.Namespace, recipe: type[Recipe], **others: Any) -> Recipe:
    """Make the recipe that the flags ask for.

    Args:
        args: parsed arguments.
        recipe: the dataclass that the flags were made of.
        others: values of fields that have no flag.
    """
    return _made(args, recipe, "", others)


def _settings(recipe: type[Any]) -> Iterator[tuple[Field[Any], Any, Setting | None]]:
    """Fields that have flags, with their types; without a setting where they are dataclasses."""
    types = get_type_hints(recipe)
    for entry in fields(recipe):
        if KEY in entry.metadata or is_dataclass(types[entry.name]):
            yield entry, types[entry.name], entry.metadata.get(KEY)


def _add(parser: argparse.ArgumentParser, recipe: type[Any], prefix: str) -> None:
    for entry, kind, setting in _settings(recipe):
        name = prefix + entry.name
        if setting is None:
            _add(parser, kind, f"{name}_")
        elif kind is bool:
            parser.add_argument(
                f"--{name}",
                action=argparse.BooleanOptionalAction,
                default=entry.default,
                help=setting.what.replace("%", "%%"),
            )
        else:
            _add_number(parser, f"--{name}", kind, entry.default, setting)


def _add_number(
    parser: argparse.ArgumentParser, flag: str, kind: Any, default: Any, setting: Setting
) -> None:
    parts = get_args(kind) if get_origin(kind) is tuple else (kind,)
    shown = " ".join(f"{value:g}" for value in (default if len(parts) > 1 else (default,)))
    parser.add_argument(
        flag,
        type=Ranged(parts[0], setting.limits),
        nargs=len(parts) if len(parts) > 1 else None,
        default=default,
        metavar=parts[0].__name__.upper(),
        help=f"{setting.what} (default: {shown})".replace("%", "%%"),
    )


def _made(
    args: argparse.Namespace, recipe: type[Recipe], prefix: str, others: dict[str, Any]
) -> Recipe:
    values = dict(others)
    for entry, kind, setting in _settings(recipe):
        name = prefix + entry.name
        if entry.name in others:
            continue
        if setting is None:
            values[entry.name] = _made(args, kind, f"{name}_", {})
        else:
            value = getattr(args, name)
            if value is not None:
                values[entry.name] = tuple(value) if get_origin(kind) is tuple else value
    return recipe(**values)
