"""Comparison of the features of one view: its terms, weighted as in the score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import nn

from innersight.distances.numerics import normalised
from innersight.errors import ArgumentError
from innersight.metrics.config import LOG_FLOOR, MetricConfig
from innersight.metrics.feature_batch import ViewFeatures, layer_key
from innersight.metrics.terms.base import PixelFeature, Term, TermFeatures, TermWeights
from innersight.metrics.view_extractor import ViewExtractor, own_precision, windows_at_once
from innersight.preprocess.masks import Mask, position_weights


class ViewComparison:
    """Compares features of one view.

    The score of a metric is the sum of what its views contribute. Each contribution is the mean over the windows of an
    image, so it can be computed some windows at a time.

    Args:
        config: The configuration of the metric.
        extractor: The extractor of one of its views.

    Attributes:
        terms: The terms of the view whose weight is not 0.
        layers: Indices of the layers that the terms compare, ascending.
        pixels: The pixel features that the terms compare.
        labels: What the columns of `compare_layers` belong to: `layer 0` or the name of a term without layers.

    Raises:
        ArgumentError: If a term is not defined for the features of the view.
    """

    def __init__(self, config: MetricConfig, extractor: ViewExtractor) -> None:
        self.extractor = extractor
        self.terms = tuple(term for term in config.active_terms if term.view == extractor.view.name)
        self._log = config.scale == "log"
        source = extractor.source
        for term in self.terms:
            term.check(source)
        self._term_layers = {term.name: term.compared_layers(source) for term in self.terms}
        self.layers = tuple(sorted({layer for layers in self._term_layers.values() for layer in layers}))
        self.pixels = tuple(_unique(term.pixel_feature for term in self.terms))
        total = sum(term.weight for term in config.active_terms) if config.reduce == "mean" else None
        # Weight of one column of a term's scores.
        self._shares = {
            term.name: term.weight if total is None else term.weight / total / term.columns(source)
            for term in self.terms
        }
        pixel_keys = {term.name: None if term.pixel_feature is None else term.pixel_feature.key for term in self.terms}
        # Computed once, since a list of pairs compares often: the keys of each term's layers and of its pixel feature.
        self._keys = {name: ([*map(layer_key, layers)], pixel_keys[name]) for name, layers in self._term_layers.items()}
        self._wanted = {*map(layer_key, self.layers), *(pixel.key for pixel in self.pixels)}
        pixel_terms = [term.name for term in self.terms if not self._term_layers[term.name]]
        self.labels = (*map(layer_key, self.layers), *pixel_terms)

    @property
    def terms_without_mask(self) -> tuple[str, ...]:
        """The names of the terms that cannot be limited to a mask."""
        return tuple(term.name for term in self.terms if not term.accepts_mask(self.extractor.source))

    @property
    def map_terms(self) -> tuple[Term, ...]:
        """The terms that have a map."""
        return tuple(term for term in self.terms if term.has_map(self.extractor.source))

    def extract(self, images: torch.Tensor) -> ViewFeatures:
        """Extract the features that the terms compare; see `ViewExtractor.extract`."""
        return self.extractor.extract(images, self.layers, self.pixels)

    def compare(self, reference: ViewFeatures, distorted: ViewFeatures) -> torch.Tensor:
        """Compute the view's contribution to the score.

        Args:
            reference: Features of N images, or of one image that all distorted images are compared with.
            distorted: Features of N images.

        Returns:
            (N,), from 0.

        Raises:
            ArgumentError: If the features have different sizes, another extractor or another device, their numbers do
                not fit, or a tensor is missing.
        """
        return self._over_windows(reference, distorted, layers=False)

    def compare_layers(self, reference: ViewFeatures, distorted: ViewFeatures) -> torch.Tensor:
        """Compute each layer's part of the contribution: (N, labels); see `FeatureMetric.per_layer`.

        Raises:
            ArgumentError: As `compare`.
        """
        return self._over_windows(reference, distorted, layers=True)

    def compare_in_mask(
        self, reference: ViewFeatures, distorted: ViewFeatures, masks: Sequence[Mask]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the contribution to the score, and each layer's part of it, of what masks cover.

        Args:
            reference: Features of one image, in K windows.
            distorted: Features of one image, in the same windows.
            masks: The masks of the K windows, see `innersight.preprocess.masks.window_masks`. Their means are the
                weights of the windows.

        Returns:
            (1,) and (labels,), from 0.

        Raises:
            ArgumentError: As `compare`.
        """
        self.check(reference, distorted)
        device, dtype = self.extractor.device, self.extractor.dtype
        weights = {}
        for key, tensor in reference.tensors.items():
            if tensor.ndim == 3 and reference.grid is not None:
                found = position_weights(masks, *reference.grid, tokens=tensor.shape[1])
            else:
                found = position_weights(masks, tensor.shape[-2], tensor.shape[-1])
            weights[key] = torch.from_numpy(found).to(device, dtype)
        shares = torch.tensor([float(mask.mean()) for mask in masks], device=device, dtype=dtype)
        with own_precision(device):
            return self.score_in_mask(reference, distorted, weights, shares)

    def score_in_mask(
        self,
        reference: ViewFeatures,
        distorted: ViewFeatures,
        weights: Mapping[str, torch.Tensor],
        shares: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute what `compare_in_mask` computes, from weights; nothing is checked.

        Args:
            reference: Features of one image, in K windows.
            distorted: Features of one image, in the same windows.
            weights: By the key of a feature, the weight of each position: (K, T) for tokens, else (K, rows, columns).
            shares: (K,), the share of each window that the mask covers. It is the weight of the window.

        Returns:
            (1,) and (labels,), from 0.
        """
        windows = normalised(shares[None])[0]
        score = (windows * self.score(reference, distorted, weights)).sum(0, keepdim=True)
        return score, (windows[:, None] * self.score_layers(reference, distorted, weights)).sum(0)

    def score(
        self, reference: ViewFeatures, distorted: ViewFeatures, weights: Mapping[str, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Compute the contribution of each window of each image, (K * N,); nothing is checked."""
        total = None
        for term in self.terms:
            values = self._scaled(term.scores(*self._inputs(term, reference, distorted, weights=weights))).sum(1)
            part = self._shares[term.name] * values
            total = part if total is None else total + part
        if total is None:
            raise ValueError("a view without terms has no score")
        return total

    def score_layers(
        self, reference: ViewFeatures, distorted: ViewFeatures, weights: Mapping[str, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Compute each label's part of the contribution of each window, (K * N, labels); nothing is checked."""
        columns: dict[str, torch.Tensor] = {}
        for term in self.terms:
            values = self._scaled(term.layer_scores(*self._inputs(term, reference, distorted, weights=weights)))
            keys = self._keys[term.name][0] or [term.name]
            for key, column in zip(keys, values.unbind(1), strict=True):
                part = self._shares[term.name] * column
                columns[key] = columns[key] + part if key in columns else part
        return torch.stack([columns[label] for label in self.labels], dim=1)

    def map(self, reference: ViewFeatures, distorted: ViewFeatures, size: tuple[int, int]) -> torch.Tensor:
        """Compute the terms before their pooling over positions, at a size in pixels: (K * N, height, width)."""
        total = None
        for term in self.map_terms:
            for positions in term.maps(*self._inputs(term, reference, distorted)):
                part = self._shares[term.name] * to_size(self._scaled(positions), size)
                total = part if total is None else total + part
        if total is None:
            raise ValueError("a view without a term with positions has no map")
        return total

    def check(self, reference: ViewFeatures, distorted: ViewFeatures) -> None:
        """Check that two sets of features can be compared by this view.

        Raises:
            ArgumentError: As `compare`.
        """
        if reference.size != distorted.size or reference.batch not in (1, distorted.batch):
            raise ArgumentError(
                "Arguments `reference` and `distorted` must be features of images of one size, the reference of one "
                f"image or of as many, but got {reference.batch} of size {reference.size} and {distorted.batch} of "
                f"size {distorted.size}."
            )
        own = self.extractor.extractor_id
        for name, features in (("reference", reference), ("distorted", distorted)):
            if features.extractor_id != own:
                raise ArgumentError(
                    f"Argument `{name}` was extracted by ({features.extractor_id}), but this metric extracts by "
                    f"({own}): extract the features with this metric."
                )
            missing = sorted(self._wanted - features.tensors.keys())
            if missing:
                raise ArgumentError(f"Argument `{name}` lacks {missing}: extract the features with this metric.")
            device = next(iter(features.tensors.values())).device
            if device != self.extractor.device:
                raise ArgumentError(
                    f"Argument `{name}` must be on {self.extractor.device} as the metric is, but is on {device}: use "
                    f"features.to(torch.device('{self.extractor.device}'))."
                )

    def _over_windows(self, reference: ViewFeatures, distorted: ViewFeatures, *, layers: bool) -> torch.Tensor:
        self.check(reference, distorted)
        batch = distorted.batch
        with own_precision(self.extractor.device):
            parts = zip(*(x.parts(windows_at_once(batch), batch) for x in (reference, distorted)), strict=True)
            return self.mean_over_windows(parts, layers=layers)

    def mean_over_windows(
        self, parts: Iterable[tuple[ViewFeatures, ViewFeatures]], *, layers: bool = False
    ) -> torch.Tensor:
        """Average the contributions of windows, which come in parts: (N,), or (N, labels) with `layers`."""
        sums: list[torch.Tensor] = []
        windows = 0
        for reference, distorted in parts:
            values = (self.score_layers if layers else self.score)(reference, distorted)
            count = values.shape[0] // distorted.batch
            sums.append(values if count == 1 else values.view(count, distorted.batch, *values.shape[1:]).sum(0))
            windows += count
        total = sums[0] if len(sums) == 1 else torch.stack(sums).sum(0)
        return total if windows == 1 else total / windows

    def _inputs(
        self, term: Term, *sides: ViewFeatures, weights: Mapping[str, torch.Tensor] | None = None
    ) -> list[TermFeatures]:
        keys, pixel_key = self._keys[term.name]
        own = None
        if weights is not None:
            own = TermWeights(tuple(weights[key] for key in keys), None if pixel_key is None else weights[pixel_key])
        return [
            TermFeatures(
                features.kind,
                tuple(features.tensors[key] for key in keys),
                None if pixel_key is None else features.tensors[pixel_key],
                features.grid,
                own,
            )
            for features in sides
        ]

    def _scaled(self, values: torch.Tensor) -> torch.Tensor:
        return torch.log1p(values / LOG_FLOOR) if self._log else values


def to_size(positions: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Interpolate (N, rows, columns) to a size in pixels, bilinear."""
    # An exported graph serves all sizes, so it does not compare them.
    if not torch.compiler.is_exporting() and positions.shape[-2:] == size:
        return positions
    return nn.functional.interpolate(positions[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def _unique(pixels: Iterable[PixelFeature | None]) -> Sequence[PixelFeature]:
    return list(dict.fromkeys(pixel for pixel in pixels if pixel is not None))
