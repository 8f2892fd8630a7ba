"""Scores by a torch metric. Only this module of the package `inference` imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from typing_extensions import Unpack

from innersight.errors import WeightsError
from innersight.inference.backend import Backend, Comparison, Image, Source
from innersight.inference.torch_sources import PIXELS, PixelSource, ViewSource
from innersight.metrics.base import FullReferenceMetric
from innersight.metrics.config import MetricConfig
from innersight.metrics.external.registry import METRICS
from innersight.metrics.factory import Overrides, create_metrics, find_device
from innersight.metrics.feature_batch import ViewFeatures
from innersight.metrics.feature_metric import FeatureMetric
from innersight.metrics.view_comparison import ViewComparison, to_size
from innersight.metrics.view_extractor import own_precision
from innersight.preprocess.masks import Mask
from innersight.preprocess.perturbation import Perturbation


class _OfView(Comparison[ViewFeatures]):
    def __init__(self, comparison: ViewComparison) -> None:
        self._comparison = comparison

    @torch.inference_mode()
    def compare(
        self,
        reference: ViewFeatures,
        distorted: ViewFeatures,
        *,
        per_layer: bool,
        masks: Sequence[Mask] | None = None,
    ) -> tuple[float, list[float]]:
        if masks is not None:
            score, layers = self._comparison.compare_in_mask(reference, distorted, masks)
            return score.item(), layers.tolist()
        total = self._comparison.compare(reference, distorted).item()
        return total, self._comparison.compare_layers(reference, distorted)[0].tolist() if per_layer else []

    @torch.inference_mode()
    def map(self, pairs: Iterable[tuple[ViewFeatures, ViewFeatures]], size: tuple[int, int]) -> Image | None:
        if not self._comparison.map_terms:
            return None
        extractor = self._comparison.extractor
        total: torch.Tensor | None = None
        count, done = torch.zeros(()), 0
        with own_precision(extractor.device):
            for reference, distorted in pairs:
                prepared = reference.size
                grid = extractor.grid(*prepared)
                if grid is None:
                    total = self._comparison.map(reference, distorted, prepared)[0]
                    continue
                windows = self._comparison.map(reference, distorted, (grid.window, grid.window))
                if total is None:
                    total = windows.new_zeros(prepared)
                    count = torch.zeros_like(total)
                for window, (top, left) in zip(windows, grid.corners[done : done + len(windows)], strict=True):
                    place = slice(top, top + grid.window), slice(left, left + grid.window)
                    total[place] += window
                    count[place] += 1
                done += len(windows)
            if total is None:
                raise ValueError("a map needs features")
            found = to_size((total / count if done else total)[None], size)[0]
        return np.asarray(found.float().cpu().numpy())


class _OfPixels(Comparison[ViewFeatures]):
    def __init__(self, metric: FullReferenceMetric) -> None:
        self._metric = metric

    @torch.inference_mode()
    def compare(
        self,
        reference: ViewFeatures,
        distorted: ViewFeatures,
        *,
        per_layer: bool,
        masks: Sequence[Mask] | None = None,  # noqa: ARG002
    ) -> tuple[float, list[float]]:
        sides = reference.tensors[PIXELS], distorted.tensors[PIXELS]
        layers = self._metric.per_layer(*sides)[0].tolist() if per_layer and self._metric.has_layers else []
        return self._metric(*sides).item(), layers

    @torch.inference_mode()
    def map(self, pairs: Iterable[tuple[ViewFeatures, ViewFeatures]], size: tuple[int, int]) -> Image | None:  # noqa: ARG002
        if not self._metric.has_map:
            return None
        ((reference, distorted),) = pairs
        found = self._metric.map(reference.tensors[PIXELS], distorted.tensors[PIXELS])[0]
        return np.asarray(found.float().cpu().numpy())


class TorchBackend(Backend):
    """Computes the scores of a torch metric.

    Args:
        metric: The metric. If it is moved to another device later, scores are computed there.
        arguments: What `create_backends` made the metric from, to make it again in another process. Default: None, for
            a metric that is pickled itself.
    """

    def __init__(self, metric: FullReferenceMetric, arguments: Mapping[str, Any] | None = None) -> None:
        self.metric = metric
        self._arguments = arguments

    def __reduce__(self) -> tuple[Callable[..., TorchBackend], tuple[Any, ...]]:
        if self._arguments is None:
            return TorchBackend, (self.metric,)
        return _create_backend, (dict(self._arguments),)  # a runtime cannot be pickled, and weights are large

    @property
    def name(self) -> str:
        """The name of the metric."""
        return self.metric.name

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score means more similar images."""
        return self.metric.higher_is_better

    @property
    def zero_for_identical(self) -> bool:
        """Whether the metric compares features."""
        return isinstance(self.metric, FeatureMetric)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the layers' parts of the score."""
        return self.metric.layer_names if self.metric.has_layers else ()

    @property
    def has_map(self) -> bool:
        """Whether the metric has a map."""
        return self.metric.has_map

    @property
    def without_mask(self) -> str | None:
        """A sentence if the metric does not compare features, or has a term without positions."""
        if not isinstance(self.metric, FeatureMetric):
            return "it is a metric of another library"
        names = [name for comparison in self.metric.comparisons for name in comparison.terms_without_mask]
        return f"these of its terms have no positions: {', '.join(names)}" if names else None

    @property
    def runtime_name(self) -> str:
        """The library that runs the networks."""
        return self.metric.runtime_name

    @property
    def citation(self) -> str:
        """One line to cite with a score."""
        return self.metric.citation

    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types."""
        return self.metric.describe()

    @property
    def parts(self) -> Sequence[tuple[Source[ViewFeatures], Comparison[ViewFeatures]]]:
        """One summand for each view of a metric of features; one for any other metric."""
        if isinstance(self.metric, FeatureMetric):
            return [(ViewSource([comparison]), _OfView(comparison)) for comparison in self.metric.comparisons]
        return [(PixelSource(self.metric.device, self.metric.dtype), _OfPixels(self.metric))]

    @property
    def threads(self) -> int:
        """Number of threads that torch uses on a CPU."""
        return torch.get_num_threads()

    @property
    def on_gpu(self) -> bool:
        """Whether the metric is on a CUDA device."""
        return self.metric.device.type == "cuda"

    @contextmanager
    def workers(self, threads: int) -> Iterator[Callable[[], None]]:
        """Let each worker set torch's number of threads, and set it back at the end."""
        before = torch.get_num_threads()

        def start() -> None:
            torch.set_num_threads(threads)

        try:
            yield start
        finally:
            torch.set_num_threads(before)  # torch applies a worker's setting to all later threads

    def require(self, *, per_layer: bool, map: bool, mask: bool = False) -> None:
        """Check that the metric has what is asked for; the metric itself knows the reason.

        Raises:
            ArgumentError: If it has no layers or no map, or accepts no mask.
        """
        nothing = torch.empty(0)
        if map and not self.metric.has_map:
            self.metric.map(nothing, nothing)
        if per_layer and not self.metric.has_layers:
            self.metric.per_layer(nothing, nothing)
        super().require(per_layer=per_layer, map=map, mask=mask)


def is_torch_metric(metric: object) -> bool:
    """Tell whether an object is a metric of torch."""
    return isinstance(metric, FullReferenceMetric)


def is_config(metric: object) -> bool:
    """Tell whether an object is a configuration of a metric."""
    return isinstance(metric, MetricConfig)


def create_backends(
    metrics: Sequence[str | Path | MetricConfig],
    *,
    weights: str | Path | None,
    device: str | torch.device,
    precision: str,
    runtime: str,
    changes: Mapping[str, object] | None,
    **overrides: Unpack[Overrides],
) -> dict[str, TorchBackend]:
    """Make the backends of torch metrics that share their networks; see `innersight.create_metrics`."""
    options: dict[str, Any] = {
        "weights": weights,
        "device": device,
        "precision": precision,
        "runtime": "torch" if runtime == "auto" else runtime,
        "changes": changes,
        **overrides,
    }
    made = create_metrics(metrics, **options)
    return {
        name: TorchBackend(metric, {"metrics": [asked], **options})
        for asked, (name, metric) in zip(metrics, made.items(), strict=True)
    }


def _create_backend(arguments: Mapping[str, Any]) -> TorchBackend:
    (backend,) = create_backends(**arguments).values()
    return backend


def find_unavailable(names: Sequence[str], device: str | torch.device) -> dict[str, str]:
    """Find metrics of other libraries whose weights are not available.

    Args:
        names: Names of metrics.
        device: Where they would compute.

    Returns:
        The reasons, by the names that are not available.

    Raises:
        ArgumentError: If the library of a metric is not installed.
    """
    found: dict[str, str] = {}
    for name in names:
        if name in METRICS:
            try:
                METRICS[name].create(find_device(device))
            except WeightsError as error:
                found[name] = str(error)
    return found


def perturb(image: Image, perturbation: Perturbation, *, is_reference: bool) -> Image:
    """Apply a perturbation to one image of a pair.

    Raises:
        ImageError: If the image is too narrow.
    """
    apply = perturbation.of_reference if is_reference else perturbation.of_distorted
    return np.ascontiguousarray(apply(torch.from_numpy(image)).numpy())
