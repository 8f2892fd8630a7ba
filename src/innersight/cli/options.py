"""The options that choose and change a metric; they are the same in every command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from innersight.errors import ArgumentError

_CHANGES: Mapping[str, Any] = {
    "backbone": Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Backbone: an alias of `innersight backbones`, or a timm model name."),
    ],
    "features": Annotated[str | None, typer.Option(help="Features to compare: intermediate or embedding.")],
    "layers": Annotated[
        str | None, typer.Option(metavar="SPEC", help="Layers to compare: all, last-4, or indices such as 0,3,-1.")
    ],
    "distance": Annotated[
        str | None, typer.Option(metavar="NAME", help="Distance between layers; `innersight metrics` lists them.")
    ],
    "input": Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="Resize policy and sliding windows in pixels: native, short=256, window=224,stride=200, or "
            "short=448,window=224,stride=200.",
        ),
    ],
}
"""The changes of a configuration that have an option of their own. An option that is not given changes nothing."""

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one value of the configuration, such as terms.moments.weight=0; `innersight metrics show NAME` "
        "prints all paths. Repeatable.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", readable=False, help="File of weights (.safetensors or .pth) for the backbone."),
]
Device = Annotated[str, typer.Option(help="Device: auto (CUDA if available, else the CPU), cpu, cuda, cuda:1.")]
Precision = Annotated[str, typer.Option(help="Precision: fp32 or fp64; on a GPU also fp16 or bf16.")]
Runtime = Annotated[
    str,
    typer.Option(
        help="Library that runs the network: auto (OpenVINO on a CPU if installed), torch, torch-compile, openvino."
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|FILE[:PATH=VALUE]...",
        help="Metric: a name of `innersight metrics` or a .toml or .json file, with changes of its configuration. "
        "Repeatable. Default: lite.",
        show_default=False,
    ),
]


def with_changes(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `_CHANGES` and `--set`, in place of its parameter `changes`.

    Args:
        command: A function with a parameter `changes`: a dictionary of the given values by path.

    Returns:
        A function that typer makes a command of.
    """
    signature = inspect.signature(command, eval_str=True)
    options = {**_CHANGES, "set_": Changes}
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name == "changes":
            keyword = inspect.Parameter.KEYWORD_ONLY
            parameters += [
                inspect.Parameter(name, keyword, default=None, annotation=option) for name, option in options.items()
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        changes = {name: value for name in _CHANGES if (value := given.pop(name)) is not None}
        command(**given | {"changes": changes | parse_changes(given.pop("set_"))})

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def parse_changes(texts: Sequence[str] | None) -> dict[str, object]:
    """Read the values of `--set`.

    Raises:
        ArgumentError: If one is not PATH=VALUE.
    """
    found: dict[str, object] = {}
    for text in texts or ():
        path, equals, value = text.partition("=")
        if not equals or not path or not value:
            raise ArgumentError(f"Option --set takes PATH=VALUE, such as terms.moments.weight=0, but got {text!r}.")
        found[path] = value
    return found


def disable_tf32() -> None:
    """Compute convolutions on CUDA in float32; torch's default rounds their inputs to TF32, with 10 bits."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
