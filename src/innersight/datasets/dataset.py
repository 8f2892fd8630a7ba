"""The types of data sets: image pairs with opinion scores, and two-alternative forced choices (2AFC)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Direction = Literal["higher-is-better", "lower-is-better"]
DIRECTIONS: tuple[Direction, ...] = ("higher-is-better", "lower-is-better")


@dataclass(frozen=True)
class RatedPair:
    """A reference image, a distorted image, and the mean opinion of the distorted image.

    Attributes:
        reference: Path of the reference image, relative to the root of the data set, with `/` as separator.
        distorted: Path of the distorted image, in the same form.
        opinion: Mean opinion score, on the scale of the data set.
        opinion_std: Standard deviation of the opinion, as the data set states it. Default: None, unknown.
        votes: Number of votes whose mean is the opinion. Default: None, unknown.
        kind: Code of the distortion type. Default: None, unknown.
    """

    reference: str
    distorted: str
    opinion: float
    opinion_std: float | None = None
    votes: int | None = None
    kind: str | None = None


@dataclass(frozen=True)
class DataSet:
    """A data set of image pairs with opinion scores.

    Attributes:
        name: Name of the data set as in `open_dataset(name)`. For a list: the name of its file without the suffix.
        split: The published part of the data set, such as `train`. None if it is published as a whole.
        root: The folder to which the paths of the images are relative.
        opinion_name: The name of the opinion scores, such as `MOS` or `DMOS`.
        opinion_direction: Whether higher or lower opinion scores are better.
        pairs: The pairs whose images were found. For a list: all pairs.
        of: Number of pairs in the full data set.
        kinds: Descriptions of the distortion types by code. Can be empty.
        source: The publication to cite. Empty for a list.
        of_references: Number of reference images in the full data set. Default: None, unknown.
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
        """One line with the numbers of pairs and references, the opinion direction and the number of missing images.

        Example:
            >>> pair = RatedPair("I01.bmp", "i01_01_1.bmp", 5.5)
            >>> DataSet("tid2013", None, Path(), "MOS", "higher-is-better", (pair,), 3000, {}, "", 25).summary
            'tid2013: 1 of 3000 pairs (1 of 25 references); MOS, higher is better; images of 2999 pairs are missing'
        """
        name = self.name if self.split is None else f"{self.name} ({self.split})"
        references = len({pair.reference for pair in self.pairs})
        missing = self.of - len(self.pairs)
        return (
            f"{name}: {_part(len(self.pairs), self.of, 'pair')} "
            f"({_part(references, self.of_references or references, 'reference')}); "
            f"{self.opinion_name}, {self.opinion_direction.replace('-', ' ')}"
            + (f"; images of {missing} pair{'' if missing == 1 else 's'} are missing" if missing else "")
        )


@dataclass(frozen=True)
class Choice:
    """A reference image, two distorted images, and the share of viewers that chose the second one as more similar.

    Attributes:
        reference: Path of the reference image, relative to the root of the data set.
        a: Path of the first distorted image, in the same form.
        b: Path of the second distorted image, in the same form.
        share_preferring_b: Share of the votes for b as the image more similar to the reference, in [0, 1].
        votes: Number of votes. Default: None, unknown.
        kind: Code of the distortion type. Default: None, unknown.
    """

    reference: str
    a: str
    b: str
    share_preferring_b: float
    votes: int | None = None
    kind: str | None = None


@dataclass(frozen=True)
class ChoiceSet:
    """A data set of two-alternative forced choices (2AFC).

    Attributes:
        name: Name of the data set. For a list: the name of its file without the suffix.
        root: The folder to which the paths of the images are relative.
        choices: The choices.
        of: Number of choices in the full data set.
    """

    name: str
    root: Path
    choices: tuple[Choice, ...]
    of: int

    @property
    def summary(self) -> str:
        """One line with the numbers of choices and references.

        Example:
            >>> ChoiceSet("mine", Path(), (Choice("r.png", "a.png", "b.png", 0.8),), 1).summary
            'mine: 1 two-alternative choice (1 reference)'
        """
        references = len({choice.reference for choice in self.choices})
        return (
            f"{self.name}: {_part(len(self.choices), self.of, 'two-alternative choice')} "
            f"({_part(references, references, 'reference')})"
        )


def _part(count: int, of: int, noun: str) -> str:
    return f"{count if count == of else f'{count} of {of}'} {noun}{'' if of == 1 else 's'}"
