"""Windows are at the positions of the published code, and cover every pixel."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.preprocess.input_policy import InputPolicy, fit_short_side, window_starts


@pytest.mark.parametrize(
    ("length", "starts"),
    [
        (224, (0,)),
        (225, (0, 1)),
        (288, (0, 64)),
        (384, (0, 160)),
        (512, (0, 200, 288)),
        (425, (0, 200, 201)),
        (424, (0, 200)),
    ],
)
def test_starts_of_the_paper(length: int, starts: tuple[int, ...]) -> None:
    assert window_starts(length, 224, 200) == starts


@given(st.integers(1, 300), st.data())
def test_windows_cover_the_side_ascending_without_repeats(window: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(1, window))
    length = data.draw(st.integers(window, window + 1000))
    starts = window_starts(length, window, stride)
    assert list(starts) == sorted(set(starts))
    assert starts[0] == 0
    assert starts[-1] + window == length
    assert all(later - earlier <= stride for earlier, later in itertools.pairwise(starts))


def test_a_side_shorter_than_the_window_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"at least the window, 224 pixels, but got 223"):
        window_starts(223, 224, 200)


POLICIES = st.one_of(
    st.just(InputPolicy()),
    st.builds(InputPolicy, short_side=st.integers(1, 4096)),
    st.integers(2, 500).flatmap(
        lambda window: st.builds(
            InputPolicy,
            short_side=st.one_of(st.none(), st.integers(window, 4096)),
            window=st.just(window),
            stride=st.integers(1, window),
        )
    ),
)


@given(POLICIES)
def test_a_policy_survives_its_text(policy: InputPolicy) -> None:
    assert InputPolicy.parse(str(policy)) == policy


@pytest.mark.parametrize(
    "text", ["", "256", "short", "short=", "short=-3", "short=1.5", "side=3", "short=3,short=4", "short=" + "9" * 5000]
)
def test_bad_text_is_refused_with_the_form_it_should_have(text: str) -> None:
    with pytest.raises(ArgumentError, match=r"Argument `input` must be 'native' or a list such as 'short=256'"):
        InputPolicy.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("short=0", "an integer from 1 to 100000, but got 0"),
        ("short=1000000", "from 1 to 100000, but got 1000000"),
        ("window=224", "must have both window and stride, or none"),
        ("stride=200", "must have both window and stride, or none"),
        ("window=224,stride=225", "at most the window, but got stride=225, window=224"),
        ("short=200,window=224,stride=200", "short must be at least the window"),
    ],
)
def test_impossible_policies_are_refused(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        InputPolicy.parse(text)


SIDES = st.integers(100, 3000)


@given(SIDES, SIDES, st.integers(1, 600), st.sampled_from([1, 14, 16]))
def test_the_shorter_side_is_met_to_the_multiple_and_the_aspect_kept(h: int, w: int, short: int, multiple: int) -> None:
    height, width = fit_short_side(h, w, short, multiple)
    assert height % multiple == width % multiple == 0
    assert abs(min(height, width) - max(short, multiple)) <= multiple
    scale = short / min(h, w)
    assert abs(height - max(h * scale, multiple)) <= multiple / 2 + 1e-6 or height == multiple
    assert abs(width - max(w * scale, multiple)) <= multiple / 2 + 1e-6 or width == multiple


def test_a_long_thin_strip_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(ArgumentError, match=r"1 x 100000 .* have 256 x 25600000 pixels, .* use input='native'"):
        fit_short_side(1, 100_000, 256)


def test_a_half_is_rounded_up_at_every_size() -> None:
    # 135 * 308 / 108 is 27.5 patches of 14 pixels, which floating point rounds down.
    assert fit_short_side(108, 135, 308, 14) == (308, 392)
