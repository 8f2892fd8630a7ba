"""One door to all data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import made_sets
from innersight.datasets.dataset import DataSet
from innersight.datasets.registry import DATASETS, open_dataset
from innersight.errors import ArgumentError

MAKERS: dict[str, Callable[[Path], None]] = {name: getattr(made_sets, f"make_{name}") for name in DATASETS}


@pytest.mark.parametrize("name", DATASETS)
def test_each_set_opens_by_its_name_and_is_complete_in_itself(tmp_path: Path, name: str) -> None:
    MAKERS[name](tmp_path)
    found = open_dataset(name, tmp_path)
    assert isinstance(found, DataSet)
    assert found.name == name
    assert found.source
    assert {pair.kind for pair in found.pairs} == set(found.kinds)
    assert 0 < len(found.pairs) < found.of
    assert open_dataset(name, tmp_path, found.opinion_direction) == found
    for pair in found.pairs:
        assert (found.root / pair.reference).is_file()
        assert (found.root / pair.distorted).is_file()


@pytest.mark.parametrize("name", DATASETS)
def test_a_set_without_its_root(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"The data set {name} needs its root"):
        open_dataset(name)


def test_a_set_knows_its_direction(tmp_path: Path) -> None:
    made_sets.make_kadid10k(tmp_path)
    with pytest.raises(
        ArgumentError, match="opinions of kadid10k are higher-is-better, but --opinion-direction says lower"
    ):
        open_dataset("kadid10k", tmp_path, "lower-is-better")


def test_an_unknown_name() -> None:
    with pytest.raises(
        ArgumentError, match=r"`dataset` must be one of \(live, .*Did you mean tid2013\? Or pass the path of a list"
    ):
        open_dataset("tid2008", Path())


def test_a_list_by_its_suffix(tmp_path: Path) -> None:
    (path := tmp_path / "Mine.CSV").write_text("reference,distorted,opinion\na,b,1\n")
    found = open_dataset(str(path), opinion_direction="lower-is-better")
    assert (found.name, found.root) == ("Mine", tmp_path)
    with pytest.raises(ArgumentError, match="leave out the root"):
        open_dataset(str(path), tmp_path)
    with pytest.raises(ArgumentError, match="No such list"):
        open_dataset("none.jsonl")
