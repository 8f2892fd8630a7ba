"""The summary states how many pairs, references and images of a data set were found."""

from __future__ import annotations

from pathlib import Path

from innersight.datasets.dataset import Choice, ChoiceSet, DataSet, RatedPair


def test_the_summary_of_an_incomplete_data_set_counts_what_is_missing() -> None:
    pairs = (RatedPair("a", "b", 1.0), RatedPair("a", "c", 1.0))
    assert DataSet("pipal", "train", Path(), "Elo", "higher-is-better", pairs, 3, {}, "", 2).summary == (
        "pipal (train): 2 of 3 pairs (1 of 2 references); Elo, higher is better; images of 1 pair are missing"
    )


def test_the_summary_of_a_complete_data_set() -> None:
    pairs = (RatedPair("a", "b", 1.0), RatedPair("c", "d", 1.0))
    assert DataSet("live", None, Path(), "DMOS", "lower-is-better", pairs, 2, {}, "", 2).summary == (
        "live: 2 pairs (2 references); DMOS, lower is better"
    )


def test_the_summary_of_choices() -> None:
    choices = (Choice("r", "a", "b", 0.5), Choice("r", "a", "c", 0.5))
    assert ChoiceSet("mine", Path(), choices, 2).summary == "mine: 2 two-alternative choices (1 reference)"
