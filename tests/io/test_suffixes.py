"""Each suffix of a format that is read is found in folders."""

from __future__ import annotations

from PIL import Image

from innersight.io.images import FORMATS
from innersight.io.suffixes import OTHER_SUFFIXES, READ_SUFFIXES


def test_a_suffix_is_read_or_not() -> None:
    assert not READ_SUFFIXES & OTHER_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in READ_SUFFIXES | OTHER_SUFFIXES)


def test_the_suffixes_that_pillow_knows_of_the_formats_are_in_the_lists() -> None:
    known = {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}
    rare = {".apng", ".dib", ".avifs", ".jpc"}  # animations, and names that files seldom have
    assert known - rare <= READ_SUFFIXES
