"""The maps against noise are what their formula says, and their file is what its script writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy.linalg import fractional_matrix_power

from innersight.backbones.features import Features
from innersight.backbones.whitening import NOISE_FOLDER, knows_noise, load_noise_maps, noise_map, whiten
from innersight.errors import ArgumentError

SCRIPT = Path(__file__).parents[2] / "research" / "noise_response.py"


def response(channels: int = 6) -> torch.Tensor:
    drawn = torch.randn(channels, 3 * channels, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return drawn @ drawn.T


@pytest.mark.parametrize("power", [0.25, 1 / 3, 1.0])
def test_a_map_is_scipys_fractional_power(power: float) -> None:
    c = response().numpy()
    expected = fractional_matrix_power(c + 0.01 * np.trace(c) / len(c) * np.eye(len(c)), -power / 2)
    np.testing.assert_allclose(noise_map(response(), power), expected, rtol=1e-5, atol=1e-7)


def test_the_full_power_makes_all_directions_answer_alike_and_none_changes_nothing() -> None:
    c = response()
    whitened = noise_map(c, 1.0).double() @ c @ noise_map(c, 1.0).double()
    torch.testing.assert_close(whitened, torch.eye(6, dtype=torch.float64), atol=0.1, rtol=0)
    torch.testing.assert_close(noise_map(c, 0.0), torch.eye(6))


def test_each_position_is_mapped_in_maps_as_in_tokens() -> None:
    tokens, mixing = torch.randn(2, 12, 6), torch.randn(6, 6)
    mixing = mixing + mixing.T
    maps = tokens.transpose(1, 2).reshape(2, 6, 3, 4)
    (of_tokens,) = whiten(Features("tokens", (tokens,), (3, 4)), (mixing,)).layers
    (of_maps,) = whiten(Features("maps", (maps,)), (mixing,)).layers
    torch.testing.assert_close(of_maps.flatten(2).transpose(1, 2), of_tokens)
    torch.testing.assert_close(of_tokens[1, 5], mixing @ tokens[1, 5])


def test_a_backbone_whose_answer_is_not_known_is_refused_with_those_known() -> None:
    assert knows_noise("efficientnet-lite0")
    assert not knows_noise("clip-rn50")
    with pytest.raises(
        ArgumentError, match=r"of clip-rn50 is not known, only that of \(efficientnet-lite0\); use whiten"
    ):
        load_noise_maps("clip-rn50")


@pytest.mark.slow
def test_the_script_measures_what_is_in_the_file() -> None:
    spec = importlib.util.spec_from_file_location("noise_response", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    kept = load_file(NOISE_FOLDER / "efficientnet-lite0.safetensors")
    measured = script.measure("efficientnet-lite0")
    assert measured.keys() == kept.keys()
    for layer, values in kept.items():
        error = (measured[layer] - values).norm() / values.norm()
        assert error < 1e-3, layer
