"""`open_dataset` opens each registered data set by its name, data sets of other packages, and lists."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import made_sets
from innersight.datasets.dataset import Choice, ChoiceSet, DataSet
from innersight.datasets.registry import DATASETS, open_dataset
from innersight.errors import ArgumentError

NAMES = ("csiq", "kadid10k", "live", "pipal", "tid2013")
MAKERS: dict[str, Callable[[Path], None]] = {name: getattr(made_sets, f"make_{name}") for name in NAMES}


def test_every_data_set_module_registers_its_loader() -> None:
    assert set(DATASETS) >= set(NAMES)


def test_the_registry_is_filled_without_an_import_of_the_data_sets() -> None:
    """A new process, because the tests of this one have imported the modules."""
    code = "from innersight.datasets.registry import DATASETS; print(*DATASETS)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_opens_by_its_name_and_describes_itself(tmp_path: Path, name: str) -> None:
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


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_without_root_is_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"The data set {name} needs the argument `root`"):
        open_dataset(name)


def test_a_direction_that_contradicts_the_data_set_is_refused(tmp_path: Path) -> None:
    made_sets.make_kadid10k(tmp_path)
    message = "`opinion_direction` must be 'higher-is-better' for the data set kadid10k, but got 'lower-is-better'"
    with pytest.raises(ArgumentError, match=message):
        open_dataset("kadid10k", tmp_path, "lower-is-better")


def test_an_unknown_name_is_refused_with_the_known_names() -> None:
    with pytest.raises(
        ArgumentError, match=r"`dataset` must be one of \(.*live.*Did you mean tid2013\? Or pass the path of a list"
    ):
        open_dataset("tid2008", Path())


def test_an_entry_point_of_another_package_adds_a_data_set(tmp_path: Path) -> None:
    """A new process, because entry points are read once."""
    (tmp_path / "their_package.py").write_text(
        "from innersight.datasets.dataset import DataSet, RatedPair\n"
        "def load(root):\n"
        "    pairs = (RatedPair('a', 'b', 1.0),)\n"
        "    return DataSet('theirs', None, root, 'MOS', 'higher-is-better', pairs, 1, {}, 'They, 2020')\n"
    )
    (info := tmp_path / "their_package-1.0.dist-info").mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[innersight.datasets]\ntheirs = their_package:load\n")
    code = "from innersight.datasets.registry import open_dataset; print(open_dataset('theirs', '.').summary)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "theirs: 1 pair (1 reference); MOS, higher is better\n", done.stderr


def test_choices_of_another_package_have_no_direction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(root: Path) -> ChoiceSet:
        return ChoiceSet("theirs", root, (Choice("r.png", "a.png", "b.png", 0.5),), 1)

    monkeypatch.setitem(DATASETS._items, "theirs", load)
    assert open_dataset("theirs", tmp_path) == load(tmp_path)
    with pytest.raises(ArgumentError, match="`opinion_direction` must not be given for theirs"):
        open_dataset("theirs", tmp_path, "higher-is-better")


def test_a_loader_of_another_package_must_return_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATASETS._items, "theirs", str)
    message = "data set theirs must return a DataSet or a ChoiceSet, but returned an object of type str"
    with pytest.raises(ArgumentError, match=message):
        open_dataset("theirs", tmp_path)


def test_a_path_with_the_suffix_of_a_table_is_a_list(tmp_path: Path) -> None:
    (path := tmp_path / "Mine.CSV").write_text("reference,distorted,opinion\na,b,1\n")
    found = open_dataset(str(path), opinion_direction="lower-is-better")
    assert (found.name, found.root) == ("Mine", tmp_path)
    with pytest.raises(ArgumentError, match="Argument `root` must not be given for a list"):
        open_dataset(str(path), tmp_path)
    with pytest.raises(ArgumentError, match=r"none\.jsonl"):
        open_dataset("none.jsonl")
