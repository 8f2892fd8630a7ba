"""Values come as text or as data; what is neither is refused with the name of the argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.metrics.values import (
    check_choice,
    check_layers,
    check_name,
    check_number,
    parse_layers,
    parse_number,
    parse_switch,
    parse_whole,
)


@given(st.lists(st.integers(-20, 20), min_size=1))
def test_layers_survive_their_text(indices: list[int]) -> None:
    text = ",".join(map(str, indices))
    assert parse_layers("layers", text) == parse_layers("layers", indices) == tuple(indices)


@given(st.integers(1, 99))
def test_the_last_layers_survive_their_text(count: int) -> None:
    assert parse_layers("layers", f"last-{count}") == parse_layers("layers", count) == count


@pytest.mark.parametrize(
    "wrong",
    ["first-2", "last-x", "last-", "", "0;1", "1_0", "\u0661", [0.5], [], [True], True, 1.5, {"a": 1}, "9" * 5000],
)
def test_what_is_no_choice_of_layers_is_refused(wrong: object) -> None:
    with pytest.raises(
        ArgumentError,
        match=r"Argument `deep` must be a selection of layers such as .*'all', 'last-4' or '0,3,-1', but got",
    ):
        parse_layers("deep", wrong)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_their_text(number: float) -> None:
    assert parse_number("x", repr(number)) == parse_number("x", number) == number


@pytest.mark.parametrize(
    "wrong", ["half", "", "1_0", "\u0661", "nan", "inf", float("nan"), float("inf"), None, True, [1]]
)
def test_what_is_no_finite_number_is_refused_fault_32(wrong: object) -> None:
    with pytest.raises(ArgumentError, match="Argument `weight` must be a number, but got"):
        parse_number("weight", wrong)


@pytest.mark.parametrize("wrong", ["x", "", "1.5", "1_0", "\u0661", 1.0, None, True, "9" * 5000, "--1"])
def test_what_is_no_whole_number_is_refused_fault_32(wrong: object) -> None:
    with pytest.raises(ArgumentError, match="Argument `order` must be a whole number, but got"):
        parse_whole("order", wrong)


@given(st.integers(-(10**18), 10**18))
def test_whole_numbers_survive_their_text(number: int) -> None:
    assert parse_whole("x", str(number)) == parse_whole("x", number) == number


def test_a_switch_is_true_or_false() -> None:
    assert [parse_switch("x", value) for value in (True, False, "true", "false")] == [True, False, True, False]
    with pytest.raises(ArgumentError, match="Argument `x` must be true or false, but got 'yes'"):
        parse_switch("x", "yes")


@pytest.mark.parametrize("wrong", [(), [0], (0.5,), "all", 1.0, (True,), True])
def test_a_field_of_layers_holds_data_only(wrong: object) -> None:
    check_layers("layers", None)
    check_layers("layers", 3)
    check_layers("layers", (0, -1))
    with pytest.raises(
        ArgumentError, match="Argument `layers` must be None, a whole number or a tuple of whole numbers"
    ):
        check_layers("layers", wrong)


def test_a_choice_has_its_nearest_matches() -> None:
    check_choice("scale", "log", ("linear", "log"))
    with pytest.raises(
        ArgumentError, match=r"`scale` must be one of \(linear, log\), but got 'lin'. Did you mean linear"
    ):
        check_choice("scale", "lin", ("linear", "log"))
    with pytest.raises(ArgumentError, match="but got None"):
        check_choice("scale", None, ("linear", "log"))


@pytest.mark.parametrize("wrong", [-0.1, 100.1, float("nan"), "1", None, True])
def test_a_number_lies_in_its_range(wrong: object) -> None:
    check_number("weight", 0, 0, 100)
    check_number("weight", 100.0, 0, 100)
    with pytest.raises(ArgumentError, match="Argument `weight` must be a number from 0 to 100, but got"):
        check_number("weight", wrong, 0, 100)


@pytest.mark.parametrize("wrong", ["", "a.b", "a b", "ä", None, 3, "-", "a=1", "a:b"])
def test_a_name_can_be_part_of_a_path(wrong: object) -> None:
    check_name("terms", "vit-moments_2")
    with pytest.raises(ArgumentError, match="Argument `terms` must be a name of letters, digits, - and _, but got"):
        check_name("terms", wrong)
