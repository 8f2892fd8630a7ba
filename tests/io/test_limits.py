"""Limits out of their range are refused in one line that names the argument."""

from __future__ import annotations

import sys

import pytest

from innersight import ArgumentError, DecodingLimits


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pixels": 0}, "Argument `pixels` must be an integer from 1, but got 0."),
        ({"pixels": 1.5}, "Argument `pixels` must be an integer from 1, but got 1.5."),
        ({"seconds": 0}, "Argument `seconds` must be a number above 0 and below 1,000,000, but got 0."),
        ({"seconds": float("nan")}, "Argument `seconds` must be a number above 0"),
        ({"seconds": float("inf")}, "Argument `seconds` must be a number above 0"),
        ({"seconds": "5"}, "Argument `seconds` must be a number above 0 and below 1,000,000, but got '5'."),
        ({"memory": 1 << 20}, "Argument `memory` must be a whole number of bytes from 67,108,864 (64 MiB), or None"),
        ({"memory": 1e9}, "Argument `memory` must be a whole number of bytes"),
        ({"memory": True}, "Argument `memory` must be a whole number of bytes"),
    ],
)
def test_a_limit_out_of_its_range_is_refused(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        DecodingLimits(**arguments)
    assert said in str(caught.value)


def test_memory_is_refused_where_it_is_not_enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert DecodingLimits(memory=None).memory is None
    with pytest.raises(ArgumentError, match=r"^Argument `memory` is a limit that only Linux enforces. Leave it out.$"):
        DecodingLimits(memory=1 << 30)


def test_the_description_is_json() -> None:
    assert DecodingLimits(5, 2.0, None).describe() == {"pixels": 5, "seconds": 2.0, "memory": None}
