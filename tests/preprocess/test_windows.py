"""Windows are at the positions of the published code, and cover every pixel."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from innersight.errors import ArgumentError
from innersight.preprocess.windows import InputPolicy, WindowGrid, window_starts


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


def test_cut_goes_window_by_window() -> None:
    images = torch.arange(2 * 4 * 6).view(2, 1, 4, 6)
    grid = WindowGrid.over(4, 6, window=3, stride=2)
    views = grid.cut(images, grid.corners)
    assert len(grid) == len(grid.corners) == 6
    assert views.shape == (12, 1, 3, 3)
    for k, (top, left) in enumerate(grid.corners):
        for n in range(2):
            assert torch.equal(views[k * 2 + n], images[n, :, top : top + 3, left : left + 3])


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
