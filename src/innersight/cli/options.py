"""The options that choose and change a metric; they are the same in every command."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from innersight.errors import ArgumentError

if TYPE_CHECKING:
    from innersight.inference.regions import Region
    from innersight.io.decoder import Decoder
    from innersight.io.image_sources import ImageSource
    from innersight.io.pictures import Colour

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "KI": 2**10, "MI": 2**20, "GI": 2**30}

_CHANGES: Mapping[str, Any] = {
    "backbone": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Backbone: an alias from `innersight backbones`, or the name of a timm model. Default: that of the "
            "metric.",
        ),
    ],
    "features": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Features to compare: intermediate (outputs of the layers) or embedding (final output). Default: "
            "those of the metric.",
        ),
    ],
    "layers": Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Layers to compare: all, last-4, or indices from 0 such as 0,3,-1 (-1 is the last layer). Default: "
            "those of the metric.",
        ),
    ],
    "distance": Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Distance between the features, a name from `innersight metrics`. Default: that of the metric.",
        ),
    ],
    "input": Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="Resize policy and sliding windows in pixels: native, short=256, window=224,stride=200, or "
            "short=448,window=224,stride=200. Default: that of the metric.",
        ),
    ],
}
"""The changes of a configuration that have their own option. An option that is not given changes nothing."""

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change one value of the configuration, such as terms.moments.weight=0. `innersight metrics show NAME` "
        "prints all sections and values. Repeatable.",
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        readable=False,
        help="File of weights (.safetensors or .pth) for the backbone. Default: the weights on this machine (see "
        "`innersight weights list`), or else a download.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Device: auto (CUDA if available, otherwise the CPU), cpu, cuda, or one of several GPUs such as cuda:1.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Precision: fp32, fp64, fp16 or bf16. fp16 and bf16 reduce the network to 16 bits and are meant for GPUs.",
    ),
]
Runtime = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Library that runs the network: onnx (for bundles), torch, torch-compile, or auto (onnx if the metric has "
        "a bundle and no other option changes it, otherwise torch).",
    ),
]
Metric = Annotated[
    str,
    typer.Option(
        metavar="NAME|FOLDER|FILE[:PATH=VALUE]...",
        help="Metric: a name from `innersight metrics`, the folder of a bundle, or a .toml or .json file. :PATH=VALUE "
        "changes a value of its configuration.",
    ),
]
Metrics = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME|FOLDER|FILE[:PATH=VALUE]...",
        help="Metric: a name from `innersight metrics`, the folder of a bundle, or a .toml or .json file. :PATH=VALUE "
        "changes a value of its configuration. Repeatable. Default: lite.",
        show_default=False,
    ),
]


Mask = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        readable=False,
        help="Image of the size of the pair: white pixels are scored, black ones are not. Default: all are scored.",
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        metavar="X,Y,W,H",
        help="Rectangle that is not scored: its left and top edge, its width and its height, pixels. Repeatable. "
        "Default: none.",
    ),
]
CropBorder = Annotated[
    int, typer.Option(metavar="N", help="Number of pixels that are cut off on each side of both images.")
]
Background = Annotated[
    str | None,
    typer.Option(
        metavar="COLOUR",
        help="Background of transparent pixels: a name such as white, or #RRGGBB. Default: images with transparent "
        "pixels are compared on white and on black, and the larger difference counts.",
    ),
]


Root = Annotated[
    str | None,
    typer.Option(
        metavar="DIR|URL",
        help="Folder that all images and masks of the list must be in, also through links. A row that names another "
        "file gets an error. Default: any file.",
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        readable=False,
        help="Also write a page of the pairs with their images and maps, see `innersight report`. Default: none.",
    ),
]


def region(mask: Path | None, ignore: Sequence[str] | None, crop_border: int) -> Region:
    """Return the region that three options describe.

    Raises:
        ArgumentError: If a rectangle is not four whole numbers, or the border is negative.
    """
    from innersight.inference.regions import Region

    rectangles = []
    for text in ignore or ():
        parts = text.split(",")
        if len(parts) != 4 or not all(re.fullmatch(r" *[0-9]{1,9} *", part, re.ASCII) for part in parts):
            raise ArgumentError(
                f"Option --ignore takes X,Y,W,H, four whole numbers of pixels such as 0,0,200,40, but got {text!r}."
            )
        x, y, width, height = map(int, parts)
        rectangles.append((x, y, width, height))
    return Region(mask, tuple(rectangles), crop_border)


Frame = Annotated[
    int | None,
    typer.Option(
        "--frame",
        metavar="N",
        min=0,
        help="Index of the image to score, for files with several images (GIF, PNG, WebP, AVIF, JPEG XL, TIFF); 0 is "
        "the first. Default: files with several images are refused.",
    ),
]


def parse_background(text: str | None) -> Colour | None:
    """Read the value of --background.

    Raises:
        ArgumentError: If it is not the name or the code of an opaque colour.
    """
    if text is None:
        return None
    from PIL import ImageColor

    try:
        found: tuple[int, ...] = ImageColor.getrgb(text)
    except ValueError:
        found = ()
    if len(found) != 3:
        raise ArgumentError(f"Option --background takes a colour such as white or #808080, but got {text!r}.")
    red, green, blue = (value / 255 for value in found)
    return red, green, blue


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


def parse_size(option: str, text: str) -> int:
    """Read a number of bytes, such as 500MB or 2GiB.

    Raises:
        ArgumentError: If it is not a whole number with or without a unit. The message names the option.
    """
    match = re.fullmatch(r"([0-9]{1,12})\s*(|K|M|G|KI|MI|GI)B?", text.strip().upper(), re.ASCII)
    if match is None:
        raise ArgumentError(f"Option {option} takes a size such as 500MB, 2GB or 1GiB, but got {text!r}.")
    return int(match[1]) * _UNITS[match[2]]


def disable_tf32() -> None:
    """Compute convolutions on CUDA in float32; torch's default rounds their inputs to TF32, with 10 bits.

    Call it after the metrics are made: where no metric needed torch, it is not imported, and nothing is to be done.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.backends.cudnn.allow_tf32 = False


def image_sources(
    reference: Path, distorted: Path, frame: int | None, decoder: Decoder | None = None
) -> tuple[ImageSource, ImageSource]:
    """Return the images of two arguments. `-` is the standard input. Pipes are read, since that is possible only once.

    A file whose header cannot be read is refused here, before a network is loaded.

    Args:
        reference: The argument REF.
        distorted: The argument DIS.
        frame: The value of --frame, or None.
        decoder: What decodes them within limits. Default: this process.

    Raises:
        ArgumentError: If both are the standard input.
        ImageError: If an image cannot be read.
    """
    from innersight.io.image_sources import at_frame, read_once, standard_input
    from innersight.io.images import read_image, read_size

    if reference == distorted == Path("-"):
        raise ArgumentError("Arguments REF and DIS must not both be `-`: the standard input holds one image.")
    given = (standard_input() if path == Path("-") else path for path in (reference, distorted))
    found = read_once(*given)
    if decoder is not None:
        found = decoder.limit(found[0]), decoder.limit(found[1])
    first, second = (at_frame(source, frame) for source in found)
    for source in (first, second):
        if frame is not None or read_size(source) is None:
            read_image(source)  # it raises the reason
    return first, second
