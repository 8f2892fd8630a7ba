"""The one line for people says how much of a set is there."""

from __future__ import annotations

from pathlib import Path

from innersight.datasets.dataset import Choice, ChoiceSet, DataSet, RatedPair


def test_a_part_of_a_set_is_said_to_be_one() -> None:
    pairs = (RatedPair("a", "b", 1.0), RatedPair("a", "c", 1.0))
    assert DataSet("pipal", "train", Path(), "Elo", "higher-is-better", pairs, 3, {}, "", 2).summary == (
        "pipal (train): 2 of 3 pairs (1 of 2 references); Elo, higher is better; 1 pair's images are not there"
    )


def test_a_full_set_is_said_plainly() -> None:
    pairs = (RatedPair("a", "b", 1.0), RatedPair("c", "d", 1.0))
    assert DataSet("live", None, Path(), "DMOS", "lower-is-better", pairs, 2, {}, "", 2).summary == (
        "live: 2 pairs (2 references); DMOS, lower is better"
    )


def test_choices() -> None:
    choices = (Choice("r", "a", "b", 0.5), Choice("r", "a", "c", 0.5))
    assert ChoiceSet("mine", Path(), choices, 2).summary == "mine: 2 choices between two images (1 reference)"
