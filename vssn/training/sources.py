"""Data sets that are mixed for training, and what each one's labels mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vssn.data.stills import Still, list_stills
from vssn.errors import BadInputError, MediaError, argument
from vssn.files import is_dir, is_there, read_regular
from vssn.json_files import loads, parse
from vssn.labels import CLASS_NAMES, NUM_CLASSES, NUM_OUTPUTS, VOID
from vssn.types import UInt8Array

RULES_FILE = "source.json"
MAX_RULES_BYTES = 1 << 20

# Training labels above void stand for pixels that may be any of several classes.
ANY_OF: tuple[tuple[int, ...], ...] = tuple(
    (first, second) for first in range(NUM_CLASSES) for second in range(first + 1, NUM_CLASSES)
)
NUM_TRAINING_LABELS = NUM_OUTPUTS + len(ANY_OF)

# For a label value, the names of the classes it may be: none for void.
Meanings = Mapping[int, tuple[str, ...]]


def allowed_classes() -> UInt8Array:
    """(training labels, 12) uint8: 1 where a label allows a class; void's row is all 0."""
    table = np.zeros((NUM_TRAINING_LABELS, NUM_OUTPUTS), np.uint8)
    table[range(NUM_CLASSES), range(NUM_CLASSES)] = 1
    for row, classes in enumerate(ANY_OF, start=NUM_OUTPUTS):
        table[row, list(classes)] = 1
    return table


@dataclass(frozen=True)
class SourceRules:
    """What a data set's labels mean where they differ from CamVid's.

    Attributes:
        meanings: for a label value, the classes it may be; none makes it void. The loss of a pixel
            that may be one of two classes is on the sum of their probabilities. Values that are
            left out mean the class of that index.
    """

    meanings: Meanings = field(default_factory=dict)

    def table(self) -> UInt8Array:
        """(12,) uint8: the training label of each label value."""
        table = np.arange(NUM_OUTPUTS, dtype=np.uint8)
        for value, names in self.meanings.items():
            classes = tuple(sorted(CLASS_NAMES.index(name) for name in names))
            if not classes:
                table[value] = VOID
            elif len(classes) == 1:
                table[value] = classes[0]
            else:
                table[value] = NUM_OUTPUTS + ANY_OF.index(classes)
        return table


@dataclass(frozen=True)
class Source:
    """A data set to learn from.

    Attributes:
        name: its folder's.
        share: of a batch, relative to the other sources.
        train: stills to learn from.
        val: stills to choose by; may be empty.
        rules: what its labels mean.
    """

    name: str
    share: float
    train: list[Still]
    val: list[Still]
    rules: SourceRules = field(default_factory=SourceRules)


def read_source(folder: Path, share: float = 1.0, taught: bool = False) -> Source:
    """List a data set in the stills layout: train/ trainannot/ and, optionally, val/ valannot/.

    What its labels mean is said by ``source.json`` in the folder, or else they are CamVid's.

    Args:
        folder: the data set.
        share: of a batch, relative to the other sources.
        taught: there are teachers, from whom stills without labels are learned too: the folder
            may lack trainannot/, and all that it shows in train/ is void.

    Raises:
        MediaError: images or labels are missing.
        BadInputError: ``source.json`` can't be used.
    """
    val = list_stills(folder, "val") if is_dir(folder / "val") else []
    labelled = is_dir(folder / "trainannot")
    train = list_stills(folder, "train", labelled)
    if not labelled and not taught:
        raise MediaError(
            f"data '{folder}' without trainannot/",
            "labels there, or teachers to learn stills without labels from",
            f"add the labels, or pass {argument('teachers')} or {argument('average_teacher')}",
        )
    # Without labels there are none whose meaning could differ.
    rules = _rules(folder) if labelled else SourceRules()
    return Source(folder.resolve().name, share, train, val, rules)


def _rules(folder: Path) -> SourceRules:
    path = folder / RULES_FILE
    if not is_there(path):
        return SourceRules()
    try:
        given = parse(
            dict[str, Any], loads(read_regular(path, MAX_RULES_BYTES, "label rules", BadInputError))
        )
        return SourceRules({_value(key): _names(names) for key, names in given.items()})
    except ValueError as error:
        raise BadInputError(
            f"label rules '{path}' ({error})",
            'an object of label values and class names, such as {"7": ["fence", "building"], '
            '"4": "void"}',
            "mend or remove the file",
        ) from error


def _value(text: str) -> int:
    if not text.isdecimal() or int(text) >= NUM_OUTPUTS:
        raise ValueError(f"'{text}' is no label value from 0 to {VOID}")
    return int(text)


def _names(given: object) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not 1 <= len(names) <= 2:
        raise ValueError(f"'{given}' is neither one class name nor two")
    if names == ("void",):
        return ()
    for name in names:
        if name not in CLASS_NAMES:
            raise ValueError(f"'{name}' is no class; there are {', '.join(CLASS_NAMES)}")
    return tuple(dict.fromkeys(names))
