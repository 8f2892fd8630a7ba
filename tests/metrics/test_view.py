"""A view refuses values that are not allowed, and names the path that changes them."""

from __future__ import annotations

from typing import Any

import pytest

from innersight.errors import ArgumentError
from innersight.metrics.view import View
from innersight.preprocess.input_policy import InputPolicy


def test_a_view_needs_only_a_backbone() -> None:
    view = View(backbone="resnet18")
    assert (view.name, view.features, view.input) == ("main", "intermediate", InputPolicy())
    assert (view.normalisation, view.chroma, view.token_norm) == ("none", "full", "none")


def test_views_of_equal_fields_are_equal_and_hashable() -> None:
    assert View(backbone="a") == View(backbone="a")
    assert len({View(backbone="a"), View(backbone="a"), View(backbone="a", chroma="half")}) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"backbone": 3}, r"`views\.main\.backbone` must be a name, but got 3"),
        (
            {"features": "layers"},
            r"`views\.main\.features` must be one of \(intermediate, embedding\), but got 'layers'",
        ),
        ({"chroma": "quarter"}, r"`views\.main\.chroma` must be one of \(full, half\), but got 'quarter'"),
        ({"normalisation": True}, r"`views\.main\.normalisation` must be one of \(none, backbone\), but got True"),
        ({"token_norm": "normed"}, r"`views\.main\.token_norm` must be one of \(none, layernorm\), but got 'normed'"),
        ({"input": "short=256"}, r"`views\.main\.input` must be an InputPolicy, but got 'short=256'"),
        ({"name": "two words"}, r"`views` must be a name of letters, digits, - and _, but got 'two words'"),
        ({"name": ""}, r"`views` must be a name"),
        ({"name": "vit", "chroma": None}, r"`views\.vit\.chroma` must be one of"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        View(**{"backbone": "efficientnet-lite0", **fields})
