"""Numbers are finite and in range, or the line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from innersight.datasets.parsing import parse_number, read_lines
from innersight.errors import ArgumentError


def test_lines_of_any_system_without_the_blank_ones(tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\n two \n")
    assert list(read_lines(path)) == [(1, "one"), (3, "two")]


def test_what_is_no_text_is_said(tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArgumentError, match="can't be read as text"):
        list(read_lines(path))


@pytest.mark.parametrize(("value", "number"), [("1.5", 1.5), (" -2 ", -2.0), (3, 3.0), (0.25, 0.25)])
def test_numbers(value: object, number: float) -> None:
    assert parse_number(value, "opinion", "here") == number


@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "1e999", None, True, float("nan"), 10**400, [1]])
def test_what_is_no_finite_number(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"'a', line 3: `opinion` must be a finite number, but is"):
        parse_number(value, "opinion", "'a', line 3")


def test_ranges() -> None:
    with pytest.raises(ArgumentError, match=r"finite number of at least 0, but is -1"):
        parse_number(-1, "std", "here", low=0)
    with pytest.raises(ArgumentError, match=r"finite number in \[0, 1\], but is '1\.1'"):
        parse_number("1.1", "share", "here", low=0, high=1)
    assert parse_number(1, "share", "here", low=0, high=1) == 1
