"""The images of a pair as a report shows them."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from innersight.errors import InnersightError
from innersight.inference.backend import cores
from innersight.inference.scorer import Scorer
from innersight.io.decoder import Decoder
from innersight.io.image_sources import ImageSource
from innersight.io.images import read_image
from innersight.io.pictures import WHITE, Colour
from innersight.report.content import ReportRow
from innersight.report.heatmap import Floats

_SIDE = 640
"""Longest side of an embedded image, pixels. A larger image is reduced."""

_MAP_SIDE = 320
"""Longest side of an embedded map, pixels. The features of a map are coarser than the pixels."""

_THUMBNAIL = (96, 56)
_QUALITY = 88
_SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif", ".bmp")


@dataclass(frozen=True)
class PictureOptions:
    """How the images of a report are drawn.

    Attributes:
        link_from: The folder of the report, if it links to the images. Default: None, the images are embedded.
        background: The background of transparent pixels, sRGB in [0, 1]. Default: white and black, the larger
            difference counts.
        decoder: Decodes the images within limits. Default: None, this process decodes them.
    """

    link_from: Path | None = None
    background: Colour | None = None
    decoder: Decoder | None = None

    def limit(self, source: ImageSource) -> ImageSource:
        """Return an image that the decoder decodes, if there is one."""
        return source if self.decoder is None else self.decoder.limit(source)


def draw_pairs(
    rows: Sequence[ReportRow],
    scorer: Scorer,
    options: PictureOptions,
    on_pair: Callable[[int], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Draw the images and the maps of pairs.

    Args:
        rows: The pairs. Each has files.
        scorer: The scorer that draws the maps and gives the parts of the score.
        options: How the images are drawn.
        on_pair: Called with the number of drawn pairs after each. Default: nothing.

    Returns:
        For each pair its images in JSON types: `reference` and `distorted` with `source` and `thumbnail`, `size`
        (width and height in pixels), `map` with `source` and `top` (the value of the brightest pixel), `parts` of the
        score, and `score`. A pair that cannot be read has `error` only.
    """
    workers = max(1, min(cores(), len(rows)))
    found = []
    with (
        scorer.backend.workers(max(1, scorer.backend.threads // workers)) as start,
        ThreadPoolExecutor(workers, "innersight-report", initializer=start) as pool,
    ):
        for drawn in pool.map(lambda row: _draw_pair(row, scorer, options), rows):
            found.append(drawn)
            on_pair(len(found))
    return found


def _draw_pair(row: ReportRow, scorer: Scorer, options: PictureOptions) -> dict[str, Any]:
    if row.files is None:
        return {"error": "The files of the images are not known."}
    region = row.region
    try:
        reference, distorted = (options.limit(file) for file in row.files)
        found = scorer.score(
            reference,
            distorted,
            map=scorer.has_map,
            per_layer=bool(scorer.layer_names),
            mask=None if region.mask is None else options.limit(region.mask),
            ignore=region.ignore,
            crop_border=region.crop_border,
            background=options.background,
        )
        images = [read_image(image, background=found.background or WHITE) for image in (reference, distorted)]
    except InnersightError as error:
        return {"error": str(error)}
    sides = {
        name: _side(image, file, options.link_from)
        for name, image, file in zip(("reference", "distorted"), images, row.files, strict=True)
    }
    drawn: dict[str, Any] = {**sides, "size": [images[0].shape[2], images[0].shape[1]], "score": found.score}
    if found.map is not None:
        drawn["map"] = _map(found.map)
    if found.per_layer is not None:
        drawn["parts"] = found.per_layer
    return drawn


def _side(image: Floats, file: Path, link_from: Path | None) -> dict[str, str]:
    whole = Image.fromarray((image.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    small = whole.copy()
    small.thumbnail(_THUMBNAIL, Image.Resampling.LANCZOS)
    if link_from is not None and file.suffix.lower() in _SHOWN_BY_BROWSERS:
        source = link_to(file, link_from)
    else:
        whole.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        source = _webp(whole, quality=_QUALITY)
    return {"source": source, "thumbnail": _webp(small, quality=70)}


def link_to(file: Path, folder: Path) -> str:
    """Return the address of a file for a page in a folder: relative, with all special characters escaped.

    Example:
        >>> link_to(Path("/data/a b#.png"), Path("/data/reports"))
        '../a%20b%23.png'
    """
    try:
        path = os.path.relpath(file.absolute(), folder.absolute())
    except ValueError:  # Windows: on another drive
        return file.absolute().as_uri()
    # A name such as `a:b` at the start would be read as the scheme of an address.
    return quote(path.replace(os.sep, "/"), safe="/", errors="surrogateescape")


def _map(values: Floats) -> dict[str, Any]:
    height, width = values.shape
    scale = min(1.0, _MAP_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))
    top = float(reduced.max())
    levels = (reduced / top * 255).round().clip(0, 255) if top > 0 else np.zeros_like(reduced)
    return {"source": _webp(Image.fromarray(levels.astype(np.uint8)).convert("RGB"), lossless=True), "top": top}


def _webp(image: Image.Image, **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, "WEBP", method=4, **options)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
