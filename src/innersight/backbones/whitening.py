"""How a network answers white noise, and the linear maps that make its features less moved by it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors.torch import load_file

from innersight.backbones.features import Features
from innersight.errors import ArgumentError

NOISE_FOLDER = Path(__file__).parent / "noise"
"""One file a backbone, written by `research/noise_response.py`."""

_FLOOR = 0.01
"""Of the mean eigenvalue: directions that noise hardly moves must not decide by being divided by nothing."""


def noise_map(response: torch.Tensor, power: float = 1 / 3) -> torch.Tensor:
    r"""Make the map that takes a layer's features to where noise counts less.

    .. math:: A = \left( C + \frac{\operatorname{tr} C}{100 D} I \right)^{-\alpha / 2}

    C is the mean of :math:`\Delta \Delta^T` over positions, with :math:`\Delta` the change of a position's D channels
    under weak white noise. People mind noise less than a network's features do, so the directions that it moves most
    are turned down, by a power :math:`\alpha` of what it did to them. Scale-free distances don't depend on the
    noise's strength. (JLD projects on such directions; here they are weighted the other way.)

    Args:
        response: C, (D, D), symmetric, not negative.
        power: :math:`\alpha`, from 0 (nothing is changed) to 1 (all directions answer noise alike).

    Returns:
        A, (D, D), symmetric, float32.

    Example:
        >>> noise_map(torch.diag(torch.tensor([16.0, 16.0])), power=1.0)
        tensor([[0.2488, 0.0000],
                [0.0000, 0.2488]])
    """
    values, directions = torch.linalg.eigh(response.double())
    weights = (values.clamp(min=0) + _FLOOR * values.mean()).pow(-power / 2)
    mixed: torch.Tensor = (directions * weights) @ directions.T
    return mixed.float()


def knows_noise(alias: str) -> bool:
    """Tell whether the backbone's answer to noise is known."""
    return (NOISE_FOLDER / f"{alias}.safetensors").is_file()


@cache
def load_noise_maps(alias: str) -> Mapping[int, torch.Tensor]:
    """Return the map of each layer of a backbone.

    Args:
        alias: The backbone's alias.

    Returns:
        By layer.

    Raises:
        ArgumentError: If the backbone's answer to noise is not known; with those whose answer is.

    Example:
        >>> {layer: tuple(map.shape) for layer, map in load_noise_maps("efficientnet-lite0").items()}
        {0: (16, 16), 1: (24, 24), 2: (40, 40), 3: (112, 112), 4: (320, 320)}
    """
    if not knows_noise(alias):
        known = ", ".join(sorted(file.stem for file in NOISE_FOLDER.glob("*.safetensors")))
        raise ArgumentError(
            f"Argument `whitening`: the answer to noise of {alias} is not known, only that of ({known}); use "
            "whitening='none'."
        )
    responses = load_file(NOISE_FOLDER / f"{alias}.safetensors")
    return MappingProxyType({int(layer): noise_map(responses[layer]) for layer in sorted(responses, key=int)})


def whiten(features: Features, maps: tuple[torch.Tensor, ...]) -> Features:
    """Apply each layer's map to its channels, at each position.

    Args:
        features: Tokens or maps.
        maps: One (D, D) a layer, as `noise_map` makes them.

    Returns:
        Features of the same shapes.
    """
    if features.kind == "tokens":
        mixed = [layer @ m for layer, m in zip(features.layers, maps, strict=True)]
    else:  # channels lie last in memory already
        mixed = [(x.permute(0, 2, 3, 1) @ m).permute(0, 3, 1, 2) for x, m in zip(features.layers, maps, strict=True)]
    return Features(features.kind, tuple(mixed), features.grid)
