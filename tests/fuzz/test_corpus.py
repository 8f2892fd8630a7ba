"""Each reader takes each input of its fuzzing corpus: it reads it, or refuses it in one line. `scripts/fuzz.py` finds inputs."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from tests.fuzz.targets import TARGETS, check

CORPUS = Path(__file__).parent / "corpus"


def test_each_target_has_a_corpus() -> None:
    assert {file.stem for file in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_each_input_of_the_corpus_is_read_or_refused(name: str) -> None:
    with zipfile.ZipFile(CORPUS / f"{name}.zip") as packed:
        assert packed.namelist()
        for entry in packed.namelist():
            try:
                check(TARGETS[name], packed.read(entry))
            except Exception as error:
                raise AssertionError(f"The target {name} does not take the input {entry} of its corpus.") from error
