"""What a data set is to the rest of the package: named files, and what people said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Direction = Literal["higher-is-better", "lower-is-better"]
DIRECTIONS: tuple[Direction, ...] = ("higher-is-better", "lower-is-better")


@dataclass(frozen=True)
class RatedPair:
    """A distorted image and what people said of it.

    Attributes:
        reference: The original's file, relative to the set's root, with `/` and the case of the disk.
        distorted: The distorted image's file, likewise.
        opinion: What people said, on the set's scale.
        opinion_std: Its standard deviation, as the set states it.
        votes: How many people said it.
        kind: The distortion's code.
    """

    reference: str
    distorted: str
    opinion: float
    opinion_std: float | None = None
    votes: int | None = None
    kind: str | None = None


@dataclass(frozen=True)
class DataSet:
    """Rated pairs.

    Attributes:
        name: As in `open_dataset(name)`, or the list's file name without its suffix.
        split: The part of the set, where it is published in parts.
        root: What the pairs' files are relative to.
        opinion_name: What the set's opinions are called.
        opinion_direction: Which way they go.
        pairs: Those whose images are there; for lists of the user's all.
        of: How many pairs the full set has.
        kinds: A description for each kind; may be empty.
        source: What to cite; empty for lists of the user's.
        of_references: How many references the full set has; None for lists of the user's.
    """

    name: str
    split: str | None
    root: Path
    opinion_name: str
    opinion_direction: Direction
    pairs: tuple[RatedPair, ...]
    of: int
    kinds: Mapping[str, str]
    source: str
    of_references: int | None = None

    @property
    def summary(self) -> str:
        """One line for people; that a copy is a part of the set is said.

        Example:
            >>> pair = RatedPair("I01.bmp", "i01_01_1.bmp", 5.5)
            >>> DataSet("tid2013", None, Path(), "MOS", "higher-is-better", (pair,), 3000, {}, "", 25).summary
            "tid2013: 1 of 3000 pairs (1 of 25 references); MOS, higher is better; 2999 pairs' images are not there"
        """
        name = self.name if self.split is None else f"{self.name} ({self.split})"
        references = len({pair.reference for pair in self.pairs})
        missing = self.of - len(self.pairs)
        whose = "pair's" if missing == 1 else "pairs'"
        return (
            f"{name}: {_part(len(self.pairs), self.of, 'pair')} "
            f"({_part(references, self.of_references or references, 'reference')}); "
            f"{self.opinion_name}, {self.opinion_direction.replace('-', ' ')}"
            + (f"; {missing} {whose} images are not there" if missing else "")
        )


@dataclass(frozen=True)
class Choice:
    """Which of two distorted images people found nearer to the reference.

    Attributes:
        reference: The original's file, relative to the set's root.
        a: The first distorted image's file, likewise.
        b: The second's.
        share_preferring_b: How many of those asked chose b, in [0, 1].
        votes: How many were asked.
        kind: The distortion's code.
    """

    reference: str
    a: str
    b: str
    share_preferring_b: float
    votes: int | None = None
    kind: str | None = None


@dataclass(frozen=True)
class ChoiceSet:
    """Choices between two images.

    Attributes:
        name: The list's file name without its suffix.
        root: What the choices' files are relative to.
        choices: All of them.
        of: How many the full list has.
    """

    name: str
    root: Path
    choices: tuple[Choice, ...]
    of: int

    @property
    def summary(self) -> str:
        """One line for people.

        Example:
            >>> ChoiceSet("mine", Path(), (Choice("r.png", "a.png", "b.png", 0.8),), 1).summary
            'mine: 1 choice between two images (1 reference)'
        """
        references = len({choice.reference for choice in self.choices})
        return (
            f"{self.name}: {_part(len(self.choices), self.of, 'choice')} between two images "
            f"({_part(references, references, 'reference')})"
        )


def _part(count: int, of: int, noun: str) -> str:
    return f"{count if count == of else f'{count} of {of}'} {noun}{'' if of == 1 else 's'}"
