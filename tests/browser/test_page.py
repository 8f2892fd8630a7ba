"""The page in Chromium: its scores are those of the command line, and it tells what it cannot score."""

from __future__ import annotations

import functools
import http.server
import json
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data
from tests.browser.conftest import AppPage, canvas_pixels, command_line

import icc
from browsers import WatchedPage
from innersight import Scorer
from innersight.browser.page_files import page_files, write_page
from innersight.inference.anchors import find_anchors
from innersight.report.heatmap import draw_heatmap
from png_files import chunk, write_png

if TYPE_CHECKING:
    from playwright.sync_api import Browser


TOLERANCE = 1e-4


def photograph(width: int, height: int) -> Image.Image:
    """A photograph of a size."""
    return ImageOps.fit(Image.fromarray(data.astronaut()), (width, height), Image.Resampling.LANCZOS)


def coded(image: Image.Image, folder: Path, quality: int = 30) -> Image.Image:
    """The image after JPEG."""
    image.convert("RGB").save(folder / "coded.jpg", quality=quality)
    return Image.open(folder / "coded.jpg").convert("RGB")


def glass(image: Image.Image) -> Image.Image:
    """The image, more transparent from left to right."""
    alpha = np.tile(np.linspace(255, 40, image.width), (image.height, 1)).astype(np.uint8)
    found = image.convert("RGB")
    found.putalpha(Image.fromarray(alpha))
    return found


def save_pair(folder: Path, reference: Image.Image, distorted: Image.Image) -> tuple[Path, Path]:
    paths = folder / "reference.png", folder / "distorted.png"
    for image, path in zip((reference, distorted), paths, strict=True):
        image.save(path)
    return paths


def of_size(width: int, height: int) -> Callable[[Path], tuple[Path, Path]]:
    return lambda folder: save_pair(folder, photograph(width, height), coded(photograph(width, height), folder))


def changed(change: Callable[[Image.Image], Image.Image]) -> Callable[[Path], tuple[Path, Path]]:
    """A pair whose images were changed in the same way after the coding."""

    def make(folder: Path) -> tuple[Path, Path]:
        return save_pair(folder, change(photograph(300, 200)), change(coded(photograph(300, 200), folder)))

    return make


def sixteen_bit(folder: Path) -> tuple[Path, Path]:
    samples = np.array(photograph(300, 200)).astype(np.uint16) * 257
    shifted = np.minimum(samples.astype(np.uint32) + np.arange(300)[:, None], 65535)  # below one 8-bit level
    paths = folder / "a.png", folder / "b.png"
    for path, values in zip(paths, (samples, shifted), strict=True):
        write_png(path, values, depth=16, colour_type=2)
    return paths


def in_formats(first: str, second: str) -> Callable[[Path], tuple[Path, Path]]:
    def make(folder: Path) -> tuple[Path, Path]:
        paths = folder / f"a.{first}", folder / f"b.{second}"
        photograph(300, 200).save(paths[0])
        photograph(300, 200).save(paths[1], quality=35)
        return paths

    return make


PAIRS = {
    "512 x 384": of_size(512, 384),
    "64 x 48": of_size(64, 48),
    "1 x 1": of_size(1, 1),
    "1920 x 1080": of_size(1920, 1080),
    "3000 x 2000": of_size(3000, 2000),
    "portrait, 301 x 1000": of_size(301, 1000),
    "both transparent": changed(glass),
    "one transparent": lambda folder: save_pair(folder, photograph(300, 200), glass(photograph(300, 200))),
    "palettes": changed(lambda image: image.quantize(64)),
    "palettes with transparent entries": changed(lambda image: glass(image).quantize(64)),
    "grey": changed(lambda image: image.convert("L")),
    "grey with alpha": changed(lambda image: glass(image).convert("LA")),
    "black and white": changed(lambda image: image.convert("1")),
    "16 bits": sixteen_bit,
    "PNG and JPEG": in_formats("png", "jpg"),
    "JPEG and WebP": in_formats("jpg", "webp"),
    "WebP and AVIF": in_formats("webp", "avif"),
    "BMP and GIF": in_formats("bmp", "gif"),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", PAIRS)
def test_the_score_and_its_meaning_are_those_of_the_command_line(
    shared_page: AppPage, tmp_path: Path, name: str
) -> None:
    paths = PAIRS[name](tmp_path)
    score, sentence = command_line(*paths)
    shown = shared_page.score(*paths)
    assert shown.problems == []
    assert shown.score is not None
    assert float(shown.score) == pytest.approx(score, abs=TOLERANCE)
    assert score > 1
    assert len(shown.score.partition(".")[2]) == 4
    if sentence:
        assert shown.meaning == sentence
    else:
        assert shown.meaning.endswith("the shorter side must have 128 to 512 pixels.")
    assert ("transparent" in shown.notes) == ("transparent" in name or "alpha" in name)


def test_identical_pixels_score_exactly_0(shared_page: AppPage, tmp_path: Path) -> None:
    photograph(300, 200).save(tmp_path / "a.png")
    photograph(300, 200).save(tmp_path / "b.bmp")
    shown = shared_page.score(tmp_path / "a.png", tmp_path / "b.bmp")
    assert (shown.score, shown.meaning) == ("0", "The pixels of both images are identical.")
    assert shared_page.page.is_disabled("#map-on")


def test_the_background_of_the_larger_difference_is_named(shared_page: AppPage, tmp_path: Path) -> None:
    """White on transparent pixels is invisible on white."""
    clear = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    white = clear.copy()
    white.paste((255, 255, 255, 255), (40, 40, 120, 120))
    paths = save_pair(tmp_path, clear, white)
    shown = shared_page.score(*paths)
    assert float(shown.score or 0) == pytest.approx(command_line(*paths)[0], abs=TOLERANCE)
    assert shown.notes == (
        "The reference and the distorted image have transparent pixels. The score is the larger difference on white "
        "and on black, here on black."
    )


def test_colours_that_the_browser_converts_are_noted(shared_page: AppPage, tmp_path: Path) -> None:
    profile = icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.2))
    photograph(300, 200).save(tmp_path / "a.png")
    photograph(300, 200).save(tmp_path / "b.png", icc_profile=profile)
    shown = shared_page.score(tmp_path / "a.png", tmp_path / "b.png")
    assert float(shown.score or 0) == pytest.approx(command_line(tmp_path / "a.png", tmp_path / "b.png")[0], abs=0.1)
    assert shown.notes.startswith("The distorted image has colours other than sRGB. The browser converts them")


def cut(folder: Path) -> Path:
    photograph(300, 200).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:-2000])
    return folder / "cut.png"


def with_wrong_checksum(folder: Path) -> Path:
    photograph(300, 200).save(folder / "wrong.png")
    content = bytearray((folder / "wrong.png").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "wrong.png").write_bytes(content)
    return folder / "wrong.png"


def text(folder: Path) -> Path:
    (folder / "text.txt").write_text("no image")
    return folder / "text.txt"


def empty(folder: Path) -> Path:
    (folder / "empty.png").write_bytes(b"")
    return folder / "empty.png"


def animation(suffix: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        frames = [photograph(64, 48), ImageOps.mirror(photograph(64, 48))]
        frames[0].save(folder / f"animation.{suffix}", save_all=True, append_images=frames[1:])
        return folder / f"animation.{suffix}"

    return make


def hdr(folder: Path) -> Path:
    samples = np.zeros((4, 4, 3), dtype=int)
    return write_png(folder / "hdr.png", samples, depth=8, colour_type=2, chunks={b"cICP": bytes((9, 16, 0, 1))})


def bomb(folder: Path) -> Path:
    header = struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return folder / "bomb.png"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (text, "'text.txt' is not an image that this browser can read"),
        (empty, "'empty.png' is empty."),
        (cut, "'cut.png' is damaged or truncated: it ends"),
        (with_wrong_checksum, "'wrong.png' is damaged: the checksum of IDAT is wrong."),
        (animation("gif"), "'animation.gif' has several images"),
        (animation("png"), "'animation.png' has several images"),
        (animation("webp"), "'animation.webp' has several images"),
        (animation("avif"), "'animation.avif' has several images"),
        (hdr, "'hdr.png' has HDR colours (PQ)"),
        (bomb, "'bomb.png' has 30000 x 30000 pixels, more than the limit of 89,478,485"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_and_the_next_file_is_scored(
    shared_page: AppPage, tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    photograph(300, 200).save(tmp_path / "a.png")
    shown = shared_page.score(tmp_path / "a.png", make(tmp_path))
    assert shown.score is None
    (problem,) = shown.problems
    assert problem.startswith(said)
    again = shared_page.drop("#zone-distorted", tmp_path / "a.png")
    assert (again.score, again.problems) == ("0", [])


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (((300, 200), (299, 200)), "The images differ in size: the reference is 300 x 200, the distorted image is 299 x 200"),
        (((2, 600), (2, 600)), "The images are too long and narrow: resized to a shorter side of 256 pixels, they have"),
    ],
)  # fmt: skip
def test_a_pair_that_cannot_be_scored_is_an_error(
    shared_page: AppPage, tmp_path: Path, sizes: tuple[tuple[int, int], tuple[int, int]], said: str
) -> None:
    paths = save_pair(tmp_path, photograph(*sizes[0]), ImageOps.mirror(photograph(*sizes[1])))
    shown = shared_page.score(*paths)
    assert shown.score is None
    assert shown.problems[0].startswith(said)


def test_two_files_are_dropped_anywhere_and_more_are_refused(shared_page: AppPage, tmp_path: Path) -> None:
    paths = of_size(300, 200)(tmp_path)
    shown = shared_page.drop("body", *paths)
    assert float(shown.score or 0) == pytest.approx(command_line(*paths)[0], abs=TOLERANCE)
    assert [shared_page.page.inner_text(f"#file-{side}") for side in ("reference", "distorted")] == [
        path.name for path in paths
    ]
    shown = shared_page.drop("body", *paths, paths[0])
    assert shown.problems == ["3 files were given. A pair is two images."]


@pytest.mark.thorough
def test_the_map_has_the_colours_of_the_command_line(shared_page: AppPage, tmp_path: Path) -> None:
    paths = of_size(320, 240)(tmp_path)
    shared_page.score(*paths)
    values = Scorer("lite").score(*paths, map=True).map
    assert values is not None
    blended = np.array(draw_heatmap(values, np.zeros((3, 240, 320), dtype=np.float32))) / 0.65
    shown = canvas_pixels(shared_page.page, "#map")[..., :3]
    assert shown.shape == blended.shape
    assert np.abs(shown - blended).max() < 4
    assert np.abs(shown - blended).mean() < 1
    legend = canvas_pixels(shared_page.page, "#legend-colours")[0, :, :3]
    levels = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    np.testing.assert_array_equal(legend, np.array(ImageOps.colorize(levels, "#000004", "#fcffa4", "#bc3754"))[0])


def test_the_sentences_are_those_of_the_command_line_for_all_scores_and_sizes(shared_page: AppPage) -> None:
    description = Scorer("lite").describe()
    cases, expected = [], []
    for short in (127, 128, 129, 150, 192, 250, 300, 384, 450, 511, 512, 513):
        anchors = find_anchors(description, (short, 900))
        for score in np.linspace(0.05, 12, 240).tolist():
            cases.append([score, short])
            expected.append(None if anchors is None else anchors.sentence(score))
    found = shared_page.page.evaluate(
        """async (cases) => {
            const { meaning } = await import("/scripts/anchors.js");
            const table = await (await fetch("/anchors.json")).json();
            return cases.map(([score, short]) => meaning(table, score, 900, short));
        }""",
        cases,
    )
    assert found == expected
    assert len(set(expected)) > 100


@pytest.mark.thorough
def test_a_copy_of_the_page_works_in_a_folder_of_a_static_server(chromium: Browser, tmp_path: Path) -> None:
    write_page(tmp_path / "site" / "below")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "site")
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    paths = of_size(300, 200)(tmp_path)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        WatchedPage(chromium, width=390, height=844, dark=True) as watched,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        watched.page.goto(f"http://127.0.0.1:{server.server_port}/below/")
        shown = AppPage(watched.page).score(*paths)
        server.shutdown()
    assert float(shown.score or 0) == pytest.approx(command_line(*paths)[0], abs=TOLERANCE)


def test_the_citation_names_the_weights_and_the_runtime(shared_page: AppPage, tmp_path: Path) -> None:
    shared_page.score(*of_size(64, 48)(tmp_path))
    citation = shared_page.page.text_content("#citation") or ""
    stated = json.loads(page_files()["lite/metric.json"].read())["citation"]
    assert citation == f"{stated}; float32, onnxruntime-web 1.30.0"
