"""A distance that is not defined for a family says which are."""

from __future__ import annotations

import pytest

from innersight.distances.registry import DISTANCES, find_distance, find_rule
from innersight.errors import ArgumentError


def test_the_papers_distances_are_all_there() -> None:
    assert {"l2", "cos", "skld", "jsd", "wsd", "swd"} <= set(DISTANCES)


@pytest.mark.parametrize("name", ["skld", "jsd", "wsd", "swd"])
def test_stack_distances_are_for_tokens_only(name: str) -> None:
    with pytest.raises(
        ArgumentError, match=rf"'{name}' is not defined for maps.*Defined for maps: l2, cos, rel-l2, channel-cos\."
    ):
        find_rule(name, "maps", "clip-rn50")


def test_only_cos_is_for_embeddings() -> None:
    with pytest.raises(ArgumentError, match=r"'l2' is not defined for embedding.*Defined for embedding: cos\."):
        find_rule("l2", "embedding", "clip-vitb32")


def test_an_unknown_name_gets_its_nearest_matches() -> None:
    with pytest.raises(ArgumentError, match=r"must be one of \(l2, cos, .*\), but got 'sklt'\. Did you mean skld"):
        find_distance("sklt")
