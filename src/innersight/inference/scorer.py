"""Scoring of pairs of images by a metric that is given by its name, its bundle or its configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from innersight.errors import ArgumentError
from innersight.inference.backend import Backend
from innersight.inference.choice import choose_backend
from innersight.inference.identity import Fingerprint, same_bytes
from innersight.inference.pair_images import BLACK, compositions
from innersight.inference.pair_task import PairScore, PairTask
from innersight.inference.regions import Region
from innersight.inference.sources import ImageFeatures, SharedSources
from innersight.io.image_sources import ImageSource, at_frame, read_once
from innersight.io.images import check_same_size, read_picture
from innersight.io.pictures import WHITE, Colour, Picture, check_background

if TYPE_CHECKING:
    import torch
    from typing_extensions import Unpack

    from innersight.inference.equivalents import Explanation
    from innersight.metrics.base import FullReferenceMetric
    from innersight.metrics.config import MetricConfig
    from innersight.metrics.factory import Overrides

_HELD_BYTES = 64 << 20
"""Pixels of a reference that are kept while the distorted image is read. Those of a larger one are dropped first."""


@dataclass(frozen=True, eq=False)
class Reference(ImageFeatures):
    """A reference image with its features, to compare many distorted images with. `Scorer.reference` makes it.

    Attributes:
        path: The file of the image; None for an image in memory.
        extractions: What decided the features, by source.
        fingerprint: What recognises the same image.
        background: What its transparent pixels were composited on; None if no pixel is transparent.
    """

    path: str | None
    extractions: Mapping[str, str]
    fingerprint: Fingerprint
    background: Colour | None

    @property
    def nbytes(self) -> int:
        """Memory of the features, bytes."""
        return sum(features.nbytes for features in self.features.values())


class Scorer:
    """Scores pairs of images with one metric.

    It is safe to use from several threads, and it can be pickled. It takes the images of `innersight.read_image`.

    A bundle computes the scores, without torch, if `metric` is the folder of a bundle; or if it is the name of a metric
    whose bundle is installed with the package (`lite`), nothing is changed in it, `weights` is not given, `precision`
    is `fp32`, `device` is `auto` or `cpu`, and `runtime` is `auto` or `onnx`. In all other cases torch computes the
    scores, as `innersight.create_metric` does, and the extra `torch` must be installed. Both agree within 1e-5.

    Args:
        metric: A name from `innersight metrics`, which changes may follow as in `paper:distance=cos`; the folder of a
            bundle, which `innersight export` writes; the path of a configuration, .toml or .json; a configuration; or a
            metric that `innersight.create_metric` made. A folder with the file `metric.json` is a bundle, whatever its
            name, unless that is `lite`. Default: `lite`.
        weights: A file of weights, in place of the usual locations. Default: the usual locations.
        device: `auto` (default), `cpu`, `cuda`, `cuda:1`. `auto` takes a CUDA device if there is one and torch computes
            the scores.
        precision: `fp32` (default), `fp64`, `fp16` or `bf16`.
        runtime: The library that runs the networks: `onnx` for bundles, `torch` or `torch-compile` for all other
            metrics, or `auto` (default).
        changes: Values to change in the configuration, by path, such as `{"terms.moments.weight": 0}`.
        **overrides: `backbone`, `features`, `input`, `layers` and `distance`, as for `innersight.create_metric`.

    Raises:
        ArgumentError: If a name is unknown, the arguments do not fit together, a folder is no bundle, or torch is
            needed and not installed.
        WeightsError: If the weights are not available.

    Example:
        >>> from PIL import Image
        >>> scorer = Scorer("lite")
        >>> red, grey = Image.new("RGB", (64, 64), (200, 30, 30)), Image.new("RGB", (64, 64), (90, 90, 90))
        >>> scorer(red, red), scorer(red, grey) > 1
        (0.0, True)
        >>> reference = scorer.reference(red)  # its features are computed once
        >>> [round(scorer(reference, image), 4) for image in (red, red)]
        [0.0, 0.0]
    """

    def __init__(
        self,
        metric: str | Path | MetricConfig | FullReferenceMetric = "lite",
        *,
        weights: str | Path | None = None,
        device: str | torch.device = "auto",
        precision: str = "fp32",
        runtime: str = "auto",
        changes: Mapping[str, object] | None = None,
        **overrides: Unpack[Overrides],
    ) -> None:
        self._backend = choose_backend(
            metric,
            weights=weights,
            device=device,
            precision=precision,
            runtime=runtime,
            changes=changes or None,
            overrides=overrides,
        )

    def __call__(self, reference: ImageSource | Reference, distorted: ImageSource) -> float:
        """Score one pair of images; see `score`."""
        return self.score(reference, distorted).score

    def score(
        self,
        reference: ImageSource | Reference,
        distorted: ImageSource,
        *,
        per_layer: bool = False,
        map: bool = False,
        mask: ImageSource | None = None,
        ignore: Sequence[tuple[int, int, int, int]] = (),
        crop_border: int = 0,
        background: Colour | None = None,
        frame: int | None = None,
    ) -> PairScore:
        """Score one pair of images.

        Identical images are recognised by the bytes of their files or by their pixels. They are decoded, and no network
        is run: the score of a metric of features, its parts and its map are 0.

        Images with transparent pixels are compared on white and on black, unless `background` is given. The result is
        that of the larger difference.

        Args:
            reference: The reference image, or what `reference` returned.
            distorted: The distorted image, of the same size.
            per_layer: Whether to compute each layer's part of the score. Default: False.
            map: Whether to compute the map of the differences. Default: False.
            mask: An image of the same size, or a boolean array (H, W): white pixels are scored, black ones are not,
                see docs/regions.md. Default: all pixels are scored.
            ignore: Rectangles (x, y, width, height) that are not scored, pixels. Default: none.
            crop_border: Number of pixels that are cut off on each side of both images. Default: 0.
            background: The background of transparent pixels, three numbers in [0, 1], sRGB. Default: white and black.
            frame: Which image of files with several is scored, from 0. Default: None, for files of one image.

        Returns:
            The score and what was asked for beside it.

        Raises:
            ImageError: If an image cannot be read, the sizes differ, nothing is left to score, or the score is not a
                finite number.
            ArgumentError: If the metric does not accept images of this size, has no layers or no map or accepts no
                mask, or the reference is that of the method `reference` and only a region is to be scored.
        """
        backend = self._backend
        region = Region(mask, ignore, crop_border)
        backend.require(per_layer=per_layer, map=map, mask=region.needs_mask)
        if background is not None:
            check_background(background)
        task = PairTask(backend, per_layer=per_layer, map=map)
        is_same = reference is distorted
        distorted = at_frame(distorted, frame)
        if isinstance(reference, Reference):
            if not region.is_everything:
                raise ArgumentError(
                    "Arguments `mask`, `ignore` and `crop_border` need the image of the reference, but `reference` "
                    "holds its features: pass the image."
                )
            return self._score_against(task, reference, distorted, background)
        reference, distorted = read_once(distorted if is_same else at_frame(reference, frame), distorted)
        if backend.zero_for_identical and same_bytes(reference, distorted):
            distorted = reference
        first = read_picture(reference)
        task.shared.check_size(*first.size)
        holds = task.in_parts or not region.is_everything or first.is_transparent or distorted is reference
        if not holds and 4 * first.colour.size > _HELD_BYTES:
            kept = _reference(task.shared, reference, first, None)
            del first  # the pixels of the distorted image take its place
            return self._score_against(task, kept, distorted, background)
        second = first if distorted is reference else read_picture(distorted)
        check_same_size(first.size, second.size, (reference, distorted))
        results = [
            task.score_images(images, transparent=_transparent(first, second))
            for images in compositions(first, second, region, background)
        ]
        return self._larger(results)

    def _score_against(
        self, task: PairTask, reference: Reference, distorted: ImageSource, background: Colour | None
    ) -> PairScore:
        """Score an image against the features of a reference, on the background of these or on each that counts."""
        if reference.extractions != (own := _extractions(task.shared)):
            made, needed = (", ".join(texts.values()) for texts in (reference.extractions, own))
            raise ArgumentError(
                f"Argument `reference` has features of ({made}), but this scorer compares features of ({needed}): make "
                "it with the method `reference` of this scorer."
            )
        if None not in (background, reference.background) and background != reference.background:
            raise ArgumentError(
                f"Argument `background` is {background}, but the features of `reference` are those on "
                f"{reference.background}: give the background to the method `reference`."
            )
        picture = read_picture(distorted)
        check_same_size(reference.size, picture.size, (reference.path or distorted, distorted))
        transparent = ("reference",) * (reference.background is not None) + ("distorted",) * picture.is_transparent
        chosen = reference.background or background
        results = []
        for colour in (chosen,) if chosen is not None else (WHITE, BLACK) if picture.is_transparent else (WHITE,):
            pixels = picture.on(colour)
            shown = colour if transparent else None
            if self._backend.zero_for_identical and reference.fingerprint.matches(pixels):
                results.append(task.identical(reference.size, transparent, shown))
            else:
                sides = reference, ImageFeatures(reference.size, task.shared.extract(pixels), None)
                results.append(task.score_sides(*sides, transparent=transparent, background=shown))
        return self._larger(results)

    def _larger(self, results: Sequence[PairScore]) -> PairScore:
        """Return the result with the larger difference."""
        return (min if self.higher_is_better else max)(results, key=lambda result: result.score)

    def reference(self, image: ImageSource, *, background: Colour = WHITE) -> Reference:
        """Compute the features of a reference image once, to score many distorted images with it.

        The features of all windows are held in memory. The scores are those of the image itself, within rounding.

        Args:
            image: The reference image.
            background: The background of transparent pixels, three numbers in [0, 1], sRGB. An image with transparent
                pixels is compared on this background only. Default: white.

        Returns:
            The reference, for `score`, with this scorer or another one of the same metric. It can be pickled.

        Raises:
            ImageError: If the image cannot be read.
            ArgumentError: If the metric does not accept images of this size, or `background` is not three numbers in
                [0, 1].
        """
        check_background(background)
        picture = read_picture(image)
        return _reference(SharedSources({self.name: self._backend}), image, picture, background)

    def explain(
        self,
        reference: ImageSource,
        score: float,
        *,
        mask: ImageSource | None = None,
        ignore: Sequence[tuple[int, int, int, int]] = (),
        crop_border: int = 0,
        background: Colour = WHITE,
    ) -> Explanation:
        """Say what a score means, by the JPEG quality and the blur of the same reference that have this score.

        They are found by bisection over JPEG files (4:2:0) and Gaussian blurs of the reference itself, so its content
        and its size are accounted for. It takes the time of about fifteen scores.

        Args:
            reference: The reference image of the score.
            score: The score of a distorted image, by this scorer.
            mask: As for `score`.
            ignore: As for `score`.
            crop_border: As for `score`.
            background: The background of transparent pixels, three numbers in [0, 1], sRGB. Default: white.

        Returns:
            The equivalent JPEG quality and blur.

        Raises:
            ImageError: If the image cannot be read.
            ArgumentError: As `score`.

        Example:
            >>> from PIL import Image
            >>> Scorer("lite").explain(Image.effect_noise((64, 64), 50), 0.0).jpeg_beyond
            'closer'
        """
        from innersight.inference.equivalents import DistortedReference

        region = Region(mask, ignore, crop_border)
        return DistortedReference(self, reference, region=region, background=background).explain(score)

    def score_frames(
        self,
        reference: Iterable[ImageSource],
        distorted: Iterable[ImageSource],
        *,
        mask: ImageSource | None = None,
        ignore: Sequence[tuple[int, int, int, int]] = (),
        crop_border: int = 0,
    ) -> Iterator[float]:
        """Score the frames of two videos, one after the other. Only two frames are in memory at a time.

        Args:
            reference: The frames of the reference: an array (T, H, W, 3), or an iterable of images as `score` takes.
            distorted: The frames of the distorted video, as many and of the same size.
            mask: As for `score`, for all frames.
            ignore: As for `score`.
            crop_border: As for `score`.

        Returns:
            The scores, in the order of the frames. Each is computed when it is asked for.

        Raises:
            ImageError: If the numbers of frames differ, or as `score`.
            ArgumentError: If an argument is not iterable, or as `score`.

        Example:
            >>> import numpy as np
            >>> video = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
            >>> list(Scorer("lite").score_frames(video, video))
            [0.0, 0.0, 0.0]
        """
        from innersight.inference.frames import score_frames

        def score(one: ImageSource, other: ImageSource) -> float:
            return self.score(one, other, mask=mask, ignore=ignore, crop_border=crop_border).score

        return score_frames(score, reference, distorted)

    @property
    def backend(self) -> Backend:
        """What computes the scores."""
        return self._backend

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self._backend.name

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score means more similar images."""
        return self._backend.higher_is_better

    @property
    def has_map(self) -> bool:
        """Whether the metric has a map."""
        return self._backend.has_map

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers' parts of the score; empty if the metric has none."""
        return self._backend.layer_names

    @property
    def runtime_name(self) -> str:
        """The library that computes the scores, with its version where it is not torch."""
        return self._backend.runtime_name

    @property
    def citation(self) -> str:
        """One line to cite with a score: everything that decided it."""
        return self._backend.citation

    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types. The key `citation` holds the citation."""
        return self._backend.describe()


def scorer_of(backend: Backend) -> Scorer:
    """Return the scorer of a backend."""
    scorer = object.__new__(Scorer)
    scorer._backend = backend
    return scorer


def _reference(shared: SharedSources, source: ImageSource, picture: Picture, background: Colour | None) -> Reference:
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    pixels = picture.on(background or WHITE)
    return Reference(
        picture.size,
        shared.extract(pixels),
        None,
        path,
        _extractions(shared),
        Fingerprint.of(pixels),
        background if picture.is_transparent else None,
    )


def _transparent(first: Picture, second: Picture) -> tuple[str, ...]:
    sides = (("reference", first), ("distorted", second))
    return tuple(name for name, picture in sides if picture.is_transparent)


def _extractions(shared: SharedSources) -> dict[str, str]:
    return {key: source.extraction for key, source in shared.sources.items()}
