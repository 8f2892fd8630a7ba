"""Text of untrusted names is no formula in a .csv file, and reading gives back the exact text."""

from __future__ import annotations

from itertools import product

import pytest

from innersight.io.csv_cells import escape_cell, unescape_cell

STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]  # noqa: RUF001
NUMBERS = ["-1.5", "+3", "-1e-5", "-.5", "+1.", " -2 ", "7"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("before", ["", " ", "'", "' '"])
def test_text_that_can_run_gets_an_apostrophe(start: str, before: str) -> None:
    text = f"{before}{start}cmd|' /C calc'!A0"
    assert escape_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [*NUMBERS, "", "'", "a=1", "'a'", " x", -1.5, None, 3, True])
def test_numbers_and_other_text_stay(value: object) -> None:
    assert escape_cell(value) is value


@pytest.mark.parametrize("text", ["-1.5+cmd", "-1-1", "+1e", "--1", "-1\n", "-1.5-=1"])
def test_what_only_starts_as_a_number_is_text(text: str) -> None:
    assert escape_cell(text) == f"'{text}"


def test_every_text_comes_back() -> None:
    for length in range(6):
        for characters in product("'= -1a", repeat=length):
            text = "".join(characters)
            assert unescape_cell(escape_cell(text)) == text


@pytest.mark.parametrize("text", ["=1", "-a.png", "'a'", "''", "-1.5"])
def test_cells_of_other_programs_are_read_as_they_are(text: str) -> None:
    assert unescape_cell(text) == text
