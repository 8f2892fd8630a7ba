"""The options that limit the decoding of images."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from innersight.cli.options import parse_size
from innersight.errors import ArgumentError
from innersight.io.confinement import Root
from innersight.io.limits import MEMORY, PIXELS, SECONDS, DecodingLimits

_OPTIONS: Mapping[str, Any] = {
    "max_pixels": Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Largest number of pixels of an image. With one of the three limits, or with a folder that images "
            "must be in, images are decoded in other processes, which have all three limits. Default: 89478485.",
        ),
    ],
    "max_decode_seconds": Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            help="Longest time to decode an image, seconds. Default: 60 in other processes, see --max-pixels; "
            "otherwise no limit.",
        ),
    ],
    "max_decode_memory": Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Largest memory to decode an image, such as 500MB or 2GiB, from 64MiB. Linux only. Default: 4GiB in "
            "other processes, see --max-pixels; otherwise no limit.",
        ),
    ],
}


def with_limits(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `_OPTIONS`, in place of its parameter `limits`.

    Args:
        command: A function with a parameter `limits`: the limits, or None if no option is given.

    Returns:
        A function that typer makes a command of.
    """
    signature = inspect.signature(command, eval_str=True)
    parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "limits"]
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters += [inspect.Parameter(name, keyword, default=None, annotation=each) for name, each in _OPTIONS.items()]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        limits = parse_limits(*(given.pop(name) for name in _OPTIONS))
        command(**given, limits=limits)

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def limits_within(root: Root | None, limits: DecodingLimits | None) -> DecodingLimits | None:
    """Return the limits of a command: a folder that images must be in says that its list is not trusted.

    Args:
        root: The folder, or None.
        limits: The limits that options give, or None.

    Returns:
        The limits; those of `DecodingLimits` if there is a folder and no option; None without both.
    """
    return DecodingLimits() if limits is None and root is not None else limits


def parse_limits(pixels: int | None, seconds: float | None, memory: str | None) -> DecodingLimits | None:
    """Read the values of the options.

    Returns:
        The limits; None if no option is given.

    Raises:
        ArgumentError: If a value is out of its range.
    """
    if pixels is None and seconds is None and memory is None:
        return None
    if seconds is not None and not 0 < seconds < 1e6:
        raise ArgumentError(
            f"Option --max-decode-seconds takes a number above 0 and below 1,000,000, but got {seconds:g}."
        )
    size = MEMORY if memory is None else parse_size("--max-decode-memory", memory)
    if memory is not None and sys.platform != "linux":
        raise ArgumentError("Option --max-decode-memory is a limit that only Linux enforces. Leave it out.")
    if size is not None and size < 64 << 20:
        raise ArgumentError(f"Option --max-decode-memory takes a size from 64MiB, but got {memory!r}.")
    return DecodingLimits(pixels or PIXELS, SECONDS if seconds is None else seconds, size)
