"""Numbers are finite, in range and in ASCII characters. Otherwise the error names the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from innersight.datasets.parsing import parse_number, read_lines, to_float
from innersight.errors import ArgumentError


def test_blank_lines_are_skipped_and_all_line_ends_are_read(tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\n\r\n two \n")
    assert list(read_lines(path)) == [(1, "one"), (3, "two")]


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArgumentError, match="must be UTF-8 text"):
        list(read_lines(path))


@pytest.mark.parametrize(("value", "number"), [("1.5", 1.5), (" -2 ", -2.0), (3, 3.0), (0.25, 0.25)])
def test_numbers_are_read(value: object, number: float) -> None:
    assert parse_number(value, "opinion", "here") == number


@pytest.mark.parametrize("value", ["", "x", "nan", "inf", "1e999", None, True, float("nan"), 10**400, [1]])
def test_what_is_not_a_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"'a', line 3: `opinion` must be a finite number, but is"):
        parse_number(value, "opinion", "'a', line 3")


def test_numbers_outside_the_range_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"finite number of at least 0, but is -1"):
        parse_number(-1, "std", "here", low=0)
    with pytest.raises(ArgumentError, match=r"finite number in \[0, 1\], but is '1\.1'"):
        parse_number("1.1", "share", "here", low=0, high=1)
    assert parse_number(1, "share", "here", low=0, high=1) == 1


@pytest.mark.parametrize("value", ["\u0663", "\uff11\uff12", "1\u0660", "1_0", "\u00a05", "1e\u0661"])
def test_numbers_in_other_scripts_or_with_underscores_are_refused_fault_32(value: str) -> None:
    assert float(value) >= 1  # Python reads it
    with pytest.raises(ValueError, match="not a number"):
        to_float(value)
    with pytest.raises(ArgumentError, match=r"'a', line 3: `opinion` must be a finite number, but is"):
        parse_number(value, "opinion", "'a', line 3")
