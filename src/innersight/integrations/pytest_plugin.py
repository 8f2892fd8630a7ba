"""A pytest plug-in: images as expected results of tests.

pytest loads it by itself where the package is installed. docs/pytest.md shows its use.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from innersight.inference.scorer import Scorer
    from innersight.io.image_sources import ImageSource

_FOLDER = "expected_images"
_SCORERS = pytest.StashKey[dict[str, Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plug-in."""
    group = parser.getgroup("innersight", "innersight: images as expected results")
    group.addoption(
        "--innersight-update",
        action="store_true",
        default=False,
        help="Accept the images of `assert_similar` as the expected ones. Default: compare them.",
    )
    group.addoption(
        "--innersight-artifacts",
        metavar="DIR",
        default="innersight-failures",
        help="Folder for the images and the heat map of each failure, relative to the root folder of pytest. Default: "
        "innersight-failures.",
    )


@dataclass(frozen=True)
class SimilarityCheck:
    """Compares images with expected images that lie beside the tests. The fixture `assert_similar` gives it.

    The expected image NAME of a test file `tests/test_page.py` is `tests/expected_images/test_page/NAME.png`.

    Attributes:
        test: The test.
    """

    test: pytest.FixtureRequest

    def __call__(
        self,
        image: ImageSource,
        name: str,
        *,
        max: float,
        metric: str = "lite",
        mask: ImageSource | None = None,
        ignore: Sequence[tuple[int, int, int, int]] = (),
        crop_border: int = 0,
    ) -> None:
        """Fail the test if an image differs too much from the expected one.

        Identical images pass without a network. With `--innersight-update`, the image becomes the expected one, if it
        is not identical already.

        Args:
            image: The image: a path, bytes, a file object, a PIL image or an array, see `innersight.read_image`.
            name: Name of the expected image: letters, digits, `_`, `-` and `.`, unique in the file of the test.
            max: Highest score that passes, from 0.
            metric: Name of a metric of which a lower score means more similar images. Default: `lite`.
            mask: White pixels are compared, see docs/regions.md. Default: all are.
            ignore: Rectangles (x, y, width, height) that are not compared, pixels. Default: none.
            crop_border: Number of pixels that are cut off on each side of both images. Default: 0.

        Raises:
            AssertionError: If there is no expected image, the sizes differ, or the score is above `max`. The message
                names the files to look at.
            ArgumentError: If `name` holds another character, or the metric is unknown or higher for similar images.
            ImageError: If `image` cannot be read.
        """
        from innersight.errors import ArgumentError
        from innersight.inference.pair_task import PairScore
        from innersight.io.images import read_picture
        from innersight.io.png_writer import png_of
        from innersight.io.whole_files import write_file

        if not isinstance(name, str) or re.fullmatch(r"[\w-][\w.-]*", name) is None or len(name) > 100:
            raise ArgumentError(
                f"Argument `name` must be up to 100 letters, digits, `_`, `-` and `.`, and not start with `.`, but got "
                f"{name!r}."
            )
        scorer = self._scorer(metric)
        if scorer.higher_is_better:
            raise ArgumentError(
                f"Argument `metric` must be one of which a lower score means more similar images, which {metric} is "
                "not: use 'lite'."
            )
        png = png_of(read_picture(image))
        expected = self.folder / f"{name}.png"
        if self.test.config.getoption("--innersight-update"):
            if not (expected.is_file() and _same(expected.read_bytes(), png)):
                expected.parent.mkdir(parents=True, exist_ok=True)
                write_file(expected, png)
            return
        if not expected.is_file():
            kept = self._keep(name, {"result.png": png})
            pytest.fail(
                f"There is no expected image '{self._shown(expected)}'. Look at '{self._shown(kept / 'result.png')}', "
                "and accept it with: pytest --innersight-update",
                pytrace=False,
            )
        content = expected.read_bytes()
        sizes = [read_picture(data).size for data in (content, png)]
        if sizes[0] != sizes[1]:
            kept = self._keep(name, {"expected.png": content, "result.png": png})
            (height, width), (h, w) = sizes
            pytest.fail(
                f"The image {name!r} has {w} x {h} pixels (width x height), but the expected one has {width} x "
                f"{height}. Files: '{self._shown(kept)}'",
                pytrace=False,
            )
        region: dict[str, Any] = {"mask": mask, "ignore": ignore, "crop_border": crop_border}
        found: PairScore = scorer.score(content, png, **region)
        if found.score <= max:
            return
        files = {"expected.png": content, "result.png": png}
        if scorer.has_map:
            files["map.png"] = _heatmap(scorer, content, png, region)
        kept = self._keep(name, files)
        pytest.fail(
            f"The image {name!r} has the score {found.score:.4f}, above the limit {max:g} ({metric}; 0 = identical). "
            f"Files: '{self._shown(kept)}'. To accept the image: pytest --innersight-update",
            pytrace=False,
        )

    @property
    def folder(self) -> Path:
        """The folder of the expected images of the test file."""
        path = self.test.path
        return path.parent / _FOLDER / path.stem

    def _scorer(self, metric: str) -> Scorer:
        from innersight.inference.scorer import Scorer

        made = self.test.config.stash.setdefault(_SCORERS, {})
        if metric not in made:
            made[metric] = Scorer(metric)
        found: Scorer = made[metric]
        return found

    def _keep(self, name: str, files: dict[str, bytes]) -> Path:
        """Write the files of a failure, and return their folder."""
        root = self.test.config.rootpath / str(self.test.config.getoption("--innersight-artifacts"))
        test = re.sub(r"[^\w.-]+", "_", self.test.node.nodeid).strip("._")[-150:]
        folder = root / test / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in ("expected.png", "result.png", "map.png"):
            (folder / old).unlink(missing_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        return folder

    def _shown(self, path: Path) -> str:
        """Return a path relative to the root folder of pytest where it is inside."""
        root = self.test.config.rootpath
        return str(path.relative_to(root) if path.is_relative_to(root) else path)


@pytest.fixture
def assert_similar(request: pytest.FixtureRequest) -> SimilarityCheck:
    """Compare an image with the expected image beside the test: `assert_similar(image, "name", max=5)`."""
    return SimilarityCheck(request)


def _same(first: bytes, second: bytes) -> bool:
    from innersight.inference.identity import same_pixels
    from innersight.io.images import read_picture

    one, other = (read_picture(data) for data in (first, second))
    backgrounds = ((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    return all(same_pixels(one.on(color), other.on(color)) for color in backgrounds)


def _heatmap(scorer: Scorer, expected: bytes, result: bytes, region: dict[str, Any]) -> bytes:
    import io

    from innersight.io.images import read_image
    from innersight.report.heatmap import draw_heatmap

    file = io.BytesIO()
    found = scorer.score(expected, result, map=True, **region).map
    if found is not None:
        draw_heatmap(found, read_image(result)).save(file, "PNG")
    return file.getvalue()
