"""A bundle: the folder with the graphs of a metric, and ONNX Runtime to run them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from innersight.bundles.description import DESCRIPTION, GRAPHS, read_description
from innersight.bundles.sessions import Sessions
from innersight.errors import ArgumentError, ImageError
from innersight.preprocess.input_policy import InputPolicy
from innersight.preprocess.masks import Mask, position_weights, window_masks
from innersight.provenance import ONNX, version_of, versions

Floats: TypeAlias = npt.NDArray[np.float32]
Features: TypeAlias = Mapping[str, Floats]
"""The features of images by name. The first axis has the windows of the images, one for a whole image."""

_ALL_WINDOWS = 2**31


class Bundle:
    """A metric that was exported as ONNX graphs.

    `Bundle.load` makes it. The graphs are loaded at their first use. A bundle can be used from several threads, and it
    can be pickled: a copy loads the graphs from the same folder.

    Args:
        folder: The folder with the graphs.
        description: The content of metric.json.

    Attributes:
        folder: The folder with the graphs.
    """

    def __init__(self, folder: Path, description: Mapping[str, Any]) -> None:
        self.folder = folder
        self._description = description
        self._views = [
            (view["name"], InputPolicy.parse(view["input"]), view["multiple"]) for view in description["views"]
        ]
        self._sessions = Sessions(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Bundle:
        """Read the description of a bundle and check its files.

        Args:
            folder: A folder that `innersight export` wrote.

        Returns:
            The bundle. Its graphs are not loaded yet.

        Raises:
            ArgumentError: If the folder is no bundle, a file is missing or was changed, or another version of the
                layout is needed.

        Example:
            >>> from innersight.bundles import shipped
            >>> Bundle.load(shipped("lite").folder).layer_names
            ('layer 0', 'layer 2', 'layer 3', 'layer 4', 'thumbnail', 'chroma')
        """
        folder = Path(folder)
        description = read_description(folder)
        for name, digest in description["files"].items():
            if name not in GRAPHS or digest_of(folder / name) != digest:
                raise ArgumentError(
                    f"The file '{folder / name}' is missing, or is not the one that {DESCRIPTION} names: export the "
                    "metric again."
                )
        return cls(folder, description)

    @property
    def name(self) -> str:
        """The name of the metric."""
        name: str = self._description["name"]
        return name

    @property
    def higher_is_better(self) -> bool:
        """False: 0 is the score of identical images."""
        return False

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The names of the parts that `compare` returns."""
        return tuple(self._description["layer_names"])

    @property
    def has_map(self) -> bool:
        """Whether the metric has a map."""
        return GRAPHS[2] in self._description["files"]

    @property
    def accepts_mask(self) -> bool:
        """Whether the comparison can be limited to a mask."""
        return GRAPHS[3] in self._description["files"]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the features."""
        return tuple(feature["name"] for feature in self._description["features"])

    @property
    def window(self) -> int | None:
        """Side of the sliding windows, pixels; None where images are used whole."""
        return self._views[0][1].window

    @property
    def runtime_name(self) -> str:
        """`onnxruntime` with its version."""
        return f"onnxruntime {version_of('onnxruntime')}"

    @property
    def extractor_id(self) -> str:
        """What decides the features: the digest of the graph, and the version of the runtime."""
        return f"{self._description['files'][GRAPHS[0]]} {self.runtime_name}"

    @property
    def citation(self) -> str:
        """One line to cite with a score: everything that decided it."""
        return f"{self._description['citation']}; float32, {self.runtime_name} (bundle {self._digest[:19]})"

    def describe(self) -> dict[str, Any]:
        """Return everything that decides a score, in JSON types."""
        return {
            **self._description["description"],
            "versions": versions(ONNX),
            "per_layer": list(self.layer_names),
            "precision": "float32",
            "runtime": self.runtime_name,
            "device": "cpu",
            "bundle": self._digest,
            "exported_with": self._description["versions"],
            "citation": self.citation,
        }

    @property
    def configuration(self) -> dict[str, Any]:
        """The configuration of the metric, as a configuration file holds it."""
        found: dict[str, Any] = self._description["configuration"]
        return found

    @property
    def check(self) -> dict[str, Any]:
        """The largest differences from torch that the exporter found; see docs/bundles.md."""
        found: dict[str, Any] = self._description.get("check", {})
        return found

    def check_size(self, height: int, width: int) -> None:
        """Check that images of a size can be scored.

        Args:
            height: Height of the image, pixels.
            width: Width of the image, pixels.

        Raises:
            ArgumentError: If the image is smaller than a window, or has too many pixels after the resize.
        """
        for name, policy, multiple in self._views:
            policy.grid(*policy.prepared_size(height, width, multiple), name)

    def count_windows(self, height: int, width: int) -> int:
        """Count the windows of an image: 1 where images are used whole.

        Args:
            height: Height of the image, pixels.
            width: Width of the image, pixels.

        Raises:
            ArgumentError: As `check_size`.
        """
        name, policy, multiple = self._views[0]
        grid = policy.grid(*policy.prepared_size(height, width, multiple), name)
        return 1 if grid is None else len(grid)

    def count_pixels(self, height: int, width: int) -> int:
        """Count the pixels that the networks get of an image; a pixel in several windows counts several times.

        Args:
            height: Height of the image, pixels.
            width: Width of the image, pixels.

        Returns:
            A number to which the memory of the features is proportional.

        Raises:
            ArgumentError: As `check_size`.
        """
        total = 0
        for name, policy, multiple in self._views:
            size = policy.prepared_size(height, width, multiple)
            grid = policy.grid(*size, name)
            total += size[0] * size[1] if grid is None else len(grid) * grid.window**2
        return total

    def extract(
        self, images: Floats, *, threads: int | None = None, windows: tuple[int, int] | None = None
    ) -> dict[str, Floats]:
        """Compute the features of images.

        Args:
            images: (N, 3, H, W), float32, sRGB in [0, 1].
            threads: Number of threads. Several images are computed at once, each with its share of the threads.
                Default: one for each core.
            windows: The first window and the number of windows, in place of all windows. Default: all.

        Returns:
            The features by name. The first axis is K * N for K windows: the first window of all images, then the second
            window of all images, and so on.

        Raises:
            ArgumentError: If the array is not (N, 3, H, W) of float32, or as `check_size`.
        """
        if images.dtype != np.float32 or images.ndim != 4 or images.shape[1] != 3 or not len(images):
            raise ArgumentError(
                f"Argument `images` must be a float32 array (N, 3, H, W), but got {images.dtype} {images.shape}: use "
                "innersight.read_image."
            )
        found = self._extract_each(images, threads, windows)
        if len(found) == 1:
            return found[0]
        return {
            name: np.stack([one[name] for one in found], 1).reshape(-1, *found[0][name].shape[1:]) for name in found[0]
        }

    def extract_each(self, images: Sequence[Floats], *, threads: int | None = None) -> list[dict[str, Floats]]:
        """Compute the features of images, each by itself.

        Args:
            images: Arrays (3, H, W), float32, sRGB in [0, 1]. They may have different sizes.
            threads: As for `extract`.

        Returns:
            The features of each image, as `extract` returns those of a single one.

        Raises:
            ArgumentError: As `check_size`.
        """
        return self._extract_each(images, threads, None)

    def compare(
        self, reference: Features, distorted: Features, *, threads: int | None = None
    ) -> tuple[float, list[float]]:
        """Score one pair by its features.

        Args:
            reference: Features of one image.
            distorted: Features of one image of the same size.
            threads: Number of threads. Default: one for each core.

        Returns:
            The score, 0 for identical images, and the part of each layer in it, in the order of `layer_names`.

        Raises:
            ImageError: If the features have different sizes.
        """
        found = self._sessions.run(GRAPHS[1], self._both(reference, distorted), threads=threads)
        return float(found["score"][0]), [float(part) for part in found["per_layer"]]

    def window_masks(self, mask: Mask) -> list[Mask]:
        """Cut a mask of the size of the images as their windows are cut; it raises what `check_size` raises."""
        name, policy, multiple = self._views[0]
        return window_masks(mask, policy, multiple, name)

    def compare_in_mask(
        self, reference: Features, distorted: Features, masks: Sequence[Mask], *, threads: int | None = None
    ) -> tuple[float, list[float]]:
        """Score what a mask covers of one pair, by its features.

        Args:
            reference: Features of one image, in K windows.
            distorted: Features of one image of the same size, in the same windows.
            masks: K masks, of `window_masks`. Their means are the weights of the windows.
            threads: Number of threads. Default: one for each core.

        Returns:
            As `compare`.

        Raises:
            ArgumentError: If the metric accepts no mask.
            ImageError: If the features have different sizes.
        """
        if not self.accepts_mask:
            raise ArgumentError(f"The bundle of {self.name} accepts no mask: use another metric, such as 'lite'.")
        inputs: dict[str, Floats] = self._both(reference, distorted)
        for name in self.feature_names:
            inputs[f"weights.{name}"] = self._weights(name, reference[name].shape, masks)
        inputs["windows"] = np.array([part.mean() for part in masks], dtype=np.float32)
        found = self._sessions.run(GRAPHS[3], inputs, threads=threads)
        return float(found["score"][0]), [float(part) for part in found["per_layer"]]

    def map(
        self, reference: Features, distorted: Features, size: tuple[int, int], *, threads: int | None = None
    ) -> Floats:
        """Compute a map of the differences of one pair by its features.

        Args:
            reference: Features of one image, of all windows.
            distorted: Features of one image of the same size.
            size: (height, width) of the images, pixels.
            threads: Number of threads. Default: one for each core.

        Returns:
            (H, W), from 0, in the units of the score before the pooling over positions.

        Raises:
            ArgumentError: If the metric has no map.
            ImageError: If the features have different sizes.
        """
        if not self.has_map:
            raise ArgumentError(f"The bundle of {self.name} has no map: use another metric, such as 'lite'.")
        inputs = {**self._both(reference, distorted), "size": np.array(size)}
        return self._sessions.run(GRAPHS[2], inputs, threads=threads)["map"]

    def _extract_each(
        self, images: Iterable[Floats], threads: int | None, windows: tuple[int, int] | None
    ) -> list[dict[str, Floats]]:
        inputs: dict[str, Any] = {}
        if self.window is not None:
            first, count = windows or (0, _ALL_WINDOWS)
            inputs = {"first_window": np.array([first]), "window_count": np.array([count])}
        given = [{"image": image[None], **inputs} for image in images]
        for one in given:
            self.check_size(*one["image"].shape[2:])
        if len(given) == 1:
            return [self._sessions.run(GRAPHS[0], given[0], threads=threads)]
        threads = threads or os.cpu_count() or 1
        at_once = min(len(given), threads)
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(partial(self._sessions.run, GRAPHS[0], threads=threads // at_once), given))

    def _weights(self, name: str, shape: tuple[int, ...], masks: Sequence[Mask]) -> Mask:
        """Compute the weight of each position of a feature (K, T, D), or (K, C, rows, columns)."""
        if len(shape) == 4:
            return position_weights(masks, shape[2], shape[3])
        _, policy, multiple = next(view for view in self._views if name.startswith(f"{view[0]}."))
        height, width = masks[0].shape
        if policy.window is None:
            height, width = policy.prepared_size(height, width, multiple)
        return position_weights(masks, height // multiple, width // multiple, tokens=shape[1])

    @property
    def _digest(self) -> str:
        content = json.dumps(self._description["files"], sort_keys=True)
        return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"

    def _both(self, reference: Features, distorted: Features) -> dict[str, Floats]:
        for name in self.feature_names:
            if reference[name].shape != distorted[name].shape:
                raise ImageError(
                    f"The features of the two images have different shapes ({name}: {reference[name].shape} and "
                    f"{distorted[name].shape}): compare images of one size."
                )
        sides = (("reference", reference), ("distorted", distorted))
        return {f"{side}.{name}": features[name] for side, features in sides for name in self.feature_names}


def digest_of(file: Path) -> str | None:
    """Return the SHA-256 of a file as `sha256:` and hexadecimal digits, or None if it cannot be read."""
    try:
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    except OSError:
        return None
