"""The options that choose and change a metric, the same in every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Backbone = Annotated[str | None, typer.Option(help="Alias of `innersight backbones`, or any timm name.")]
FeaturesKind = Annotated[str | None, typer.Option(help="intermediate or embedding.")]
Layers = Annotated[str | None, typer.Option(metavar="SPEC", help="all, last-4, or 0,3,-1.")]
Distance = Annotated[str | None, typer.Option(metavar="NAME", help="A distance of `innersight metrics`.")]
Input = Annotated[
    str | None,
    typer.Option("--input", metavar="POLICY", help="native, short=256, window=224,stride=200, or both."),
]
Normalisation = Annotated[str | None, typer.Option(help="none or backbone (its mean and deviation).")]
PositionPooling = Annotated[str | None, typer.Option(help="mean or rms, over positions.")]
Chroma = Annotated[str | None, typer.Option(help="full or half (the resolution that colour is seen at).")]
Tokens = Annotated[str | None, typer.Option(help="plain or normed (as a transformer's next block sees them).")]
Spread = Annotated[float | None, typer.Option(metavar="WEIGHT", help="Of the order-free term; 0 for none.")]
SpreadOrder = Annotated[int | None, typer.Option(help="Of its moments: 2, 4 or 8.")]
SpreadLayers = Annotated[str | None, typer.Option(metavar="SPEC", help="Of the order-free term, as --layers.")]
LayerScale = Annotated[str | None, typer.Option(help="linear or log.")]
Structure = Annotated[float | None, typer.Option(metavar="WEIGHT", help="Of the distance itself.")]
Colour = Annotated[float | None, typer.Option(metavar="WEIGHT", help="Of the picture seen from afar; 0 for none.")]
Tint = Annotated[float | None, typer.Option(metavar="WEIGHT", help="Of chroma, pixel by pixel; 0 for none.")]
LayerPooling = Annotated[str | None, typer.Option(help="sum or mean, over layers.")]
Seed = Annotated[int | None, typer.Option(help="Of swd's random directions.")]
Weights = Annotated[Path | None, typer.Option(metavar="FILE", readable=False, help=".safetensors or .pth")]
Device = Annotated[str, typer.Option(help="auto (CUDA if there is any), cpu, cuda, cuda:1, ...")]
Precision = Annotated[str, typer.Option(help="fp32 or fp64; on a GPU fp16 or bf16.")]


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given: a preset's field is changed only by one of them."""
    return {field: value for field, value in options.items() if value is not None}


def compute_exactly() -> None:
    """Tell CUDA not to round: by default its convolutions take TF32's 10 bits; our own process may say no to that."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
