"""The options that choose and change a metric, the same in every command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

_FIELDS: Mapping[str, Any] = {
    "backbone": Annotated[str | None, typer.Option(help="Alias of `innersight backbones`, or any timm name.")],
    "features": Annotated[str | None, typer.Option(help="intermediate or embedding.")],
    "structure": Annotated[float | None, typer.Option(metavar="WEIGHT", help="Of the distance itself.")],
    "layers": Annotated[str | None, typer.Option(metavar="SPEC", help="all, last-4, or 0,3,-1.")],
    "distance": Annotated[str | None, typer.Option(metavar="NAME", help="A distance of `innersight metrics`.")],
    "input": Annotated[
        str | None,
        typer.Option(metavar="POLICY", help="native, short=256, window=224,stride=200, or both."),
    ],
    "normalisation": Annotated[str | None, typer.Option(help="none or backbone (its mean and deviation).")],
    "position_pooling": Annotated[str | None, typer.Option(help="mean or rms, over positions.")],
    "layer_pooling": Annotated[str | None, typer.Option(help="sum or mean, over layers.")],
    "chroma": Annotated[str | None, typer.Option(help="full or half (the resolution that colour is seen at).")],
    "tokens": Annotated[str | None, typer.Option(help="plain or normed (as a transformer's next block sees them).")],
    "spread": Annotated[float | None, typer.Option(metavar="WEIGHT", help="Of the order-free term; 0 for none.")],
    "spread_order": Annotated[int | None, typer.Option(help="Of its moments: 2, 4 or 8.")],
    "spread_layers": Annotated[str | None, typer.Option(metavar="SPEC", help="Of the order-free term, as --layers.")],
    "layer_scale": Annotated[str | None, typer.Option(help="linear or log.")],
    "colour": Annotated[
        float | None, typer.Option(metavar="WEIGHT", help="Of the picture seen from afar; 0 for none.")
    ],
    "tint": Annotated[float | None, typer.Option(metavar="WEIGHT", help="Of chroma, pixel by pixel; 0 for none.")],
    "seed": Annotated[int | None, typer.Option(help="Of swd's random directions.")],
}
"""What every field of a configuration is on the command line; one not given leaves the preset's."""

Weights = Annotated[Path | None, typer.Option(metavar="FILE", readable=False, help=".safetensors or .pth")]
Device = Annotated[str, typer.Option(help="auto (CUDA if there is any), cpu, cuda, cuda:1, ...")]
Precision = Annotated[str, typer.Option(help="fp32 or fp64; on a GPU fp16 or bf16.")]


def with_fields(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each field of a configuration, in place of its parameter `fields`.

    Args:
        command: Takes `fields`, a dictionary; it gets those that were given.

    Returns:
        What typer makes a command of.
    """
    signature = inspect.signature(command, eval_str=True)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name == "fields":
            keyword = inspect.Parameter.KEYWORD_ONLY
            parameters += [
                inspect.Parameter(name, keyword, default=None, annotation=option) for name, option in _FIELDS.items()
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        fields = {name: value for name in _FIELDS if (value := given.pop(name)) is not None}
        command(**given, fields=fields)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def compute_exactly() -> None:
    """Tell CUDA not to round: by default its convolutions take TF32's 10 bits; our own process may say no to that."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
