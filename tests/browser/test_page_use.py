"""The page is used with the keyboard alone, by paste, on small screens, and while something fails."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from skimage import data
from tests.browser.conftest import AppPage, canvas_pixels

from browsers import WatchedPage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    photograph = Image.fromarray(data.chelsea())
    photograph.save(folder / "reference.png")
    photograph.save(folder / "a long name of a distorted image that does not fit into one line.jpg", quality=15)
    return folder / "reference.png", next(folder.glob("*.jpg"))


def focused(page: Page) -> str:
    return str(
        page.evaluate("document.activeElement.id || document.activeElement.value || document.activeElement.tagName")
    )


def press_until(page: Page, wanted: str) -> None:
    """Press Tab until an element has the focus, which must be visible."""
    for _ in range(25):
        page.keyboard.press("Tab")
        if focused(page) == wanted:
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def outline(page: Page, selector: str, pseudo: str = "") -> str:
    return str(
        page.evaluate(
            "([s, p]) => getComputedStyle(document.querySelector(s), p || null).outlineStyle", [selector, pseudo]
        )
    )


def divider_at(page: Page) -> float:
    return float(page.input_value("#divider"))


def test_everything_is_done_with_the_keyboard(fresh_page: AppPage, pair: tuple[Path, Path]) -> None:
    page = fresh_page.page
    page.on("filechooser", lambda chooser: None)  # with a listener, playwright asks for these events at once
    page.focus("#theme")
    for side, path in zip(("reference", "distorted"), pair, strict=True):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('label').id") == f"zone-{side}"
        assert outline(page, f"#zone-{side}") == "solid"
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(path)
        shown = fresh_page.wait()
    assert shown.score is not None

    press_until(page, "map-on")
    assert outline(page, "#map-switch") == "solid"
    page.keyboard.press("Space")
    assert page.is_visible("#map")
    page.keyboard.press("Tab")
    assert focused(page) == "map-opacity"
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#map-percent") == "64 %"
    assert page.evaluate("document.getElementById('map').style.opacity") == "0.64"

    press_until(page, "fit")
    width = page.evaluate("document.getElementById('content').offsetWidth")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert focused(page) == "4"
    assert page.evaluate("document.getElementById('content').offsetWidth") == 4 * width == 4 * 451
    page.keyboard.press("Tab")
    assert focused(page) == "scroller"
    assert outline(page, "#stage") == "solid"
    before = page.evaluate("document.getElementById('scroller').scrollLeft")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(before) => document.getElementById('scroller').scrollLeft > before", arg=before)

    page.keyboard.press("Tab")
    assert focused(page) == "divider"
    clipped = page.evaluate("document.getElementById('image-reference').style.clipPath")
    page.keyboard.press("ArrowRight")
    assert divider_at(page) > 50
    assert page.evaluate("document.getElementById('image-reference').style.clipPath") != clipped

    page.focus("#theme")
    page.keyboard.press("Enter")
    assert page.inner_text("#theme") == "Light theme"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.reload()
    assert page.inner_text("#theme") == "Light theme"


@pytest.mark.thorough
def test_the_divider_is_dragged_and_splits_both_images(fresh_page: AppPage, pair: tuple[Path, Path]) -> None:
    page = fresh_page.page
    fresh_page.drop("body", *pair)
    box = page.locator("#stage").bounding_box()
    assert box is not None
    middle, height = box["x"] + box["width"] / 2, box["y"] + 100
    page.mouse.move(middle, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, height, steps=5)
    page.mouse.up()
    assert divider_at(page) == pytest.approx(25, abs=1)
    clip = page.evaluate("document.getElementById('image-reference').style.clipPath")
    assert float(clip.split()[1].removesuffix("px")) == pytest.approx(0.75 * 451, abs=5)
    # A file that is loaded by the other side of the divider has other pixels: the stage shows both.
    shot = Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")
    found, original = shot.crop((10, 60, 80, 290)), Image.open(pair[0]).crop((10, 60, 80, 290))
    assert found.tobytes() == original.convert("RGB").tobytes()
    found, original = shot.crop((150, 60, 440, 290)), Image.open(pair[1]).crop((150, 60, 440, 290))
    assert found.tobytes() == original.convert("RGB").tobytes()


@pytest.mark.thorough
def test_files_are_pasted(fresh_page: AppPage, pair: tuple[Path, Path]) -> None:
    assert fresh_page.drop("body", pair[0], kind="paste").score is None
    assert fresh_page.page.inner_text("#file-reference") == "reference.png"
    assert fresh_page.drop("body", pair[1], kind="paste").score is not None


@pytest.mark.thorough
def test_a_file_dropped_beside_the_zones_fills_the_free_one_and_then_the_distorted_one(
    fresh_page: AppPage, pair: tuple[Path, Path]
) -> None:
    fresh_page.drop("#zone-distorted", pair[1])
    assert fresh_page.drop("body", pair[0]).score not in (None, "0")
    assert fresh_page.drop("body", pair[0]).score == "0"


@pytest.mark.thorough
def test_nothing_is_wider_than_the_window_and_texts_are_readable_in_both_themes(
    fresh_page: AppPage, pair: tuple[Path, Path]
) -> None:
    page = fresh_page.page
    for files in ((), pair):
        fresh_page.drop("body", *files)
        for width in (1400, 700, 390, 320):
            page.set_viewport_size({"width": width, "height": 800})
            for zoom in ("4", "1", "fit") if files else ():
                page.click(f".zoom label:has([value='{zoom}'])")
                assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#map-switch")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.evaluate("Promise.all(document.getAnimations().map((one) => one.finished))")
        for selector in (".direction", ".link", ".privacy", "#meaning", "footer", ".zoom :checked + span"):
            assert contrast(page, selector) >= 4.5, (theme, selector)


def contrast(page: Page, selector: str) -> float:
    """Return the contrast of a text as WCAG defines it."""
    both = page.evaluate(
        """(selector) => {
            const element = document.querySelector(selector);
            let behind = element;
            while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
            return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
        }""",
        selector,
    )
    lights = sorted(luminance(text) for text in both)
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    values = [int(text) / 255 for text in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.thorough
def test_the_progress_of_loading_is_shown_and_files_can_be_chosen_meanwhile(
    watched: WatchedPage, page_url: str, pair: tuple[Path, Path]
) -> None:
    held: list[Route] = []
    watched.page.route("**/extract.onnx", lambda route: held.append(route))
    watched.page.goto(page_url)
    shown = AppPage(watched.page)
    watched.page.evaluate(
        """() => {
            window.texts = [];
            const place = document.getElementById("status-text");
            new MutationObserver(() => window.texts.push(place.textContent)).observe(place, { childList: true });
        }"""
    )
    assert watched.page.is_visible("#progress")
    assert watched.page.inner_text("#status-text") == "Loading the network"
    for zone, path in zip(("#zone-reference", "#zone-distorted"), pair, strict=True):
        watched.page.set_input_files(f"{zone} input", path)
    for side in ("reference", "distorted"):
        watched.page.wait_for_selector(f"#zone-{side}.filled")
    assert watched.page.is_hidden("#result")
    held[0].continue_()
    assert shown.wait().score is not None
    texts = watched.page.evaluate("window.texts")
    assert any(text.startswith("Loading the network: ") and text.endswith(" of 26.1 MB") for text in texts)
    assert "Scoring the images" in texts
    assert watched.page.is_hidden("#progress")


@pytest.mark.thorough
def test_a_network_that_cannot_be_loaded_is_an_error(chromium: Browser, page_url: str, pair: tuple[Path, Path]) -> None:
    page = chromium.new_page()
    page.route("**/compare.onnx", lambda route: route.fulfill(status=404))
    page.goto(page_url)
    shown = AppPage(page).drop("body", *pair)
    assert shown.score is None
    (problem,) = shown.problems
    assert problem.startswith("The network cannot be loaded (")
    assert "compare.onnx: status 404" in problem
    assert problem.endswith("Load the page again.")
    page.close()


@pytest.mark.thorough
def test_a_browser_that_alters_pixels_is_detected_and_png_files_are_still_scored(
    watched: WatchedPage, page_url: str, pair: tuple[Path, Path]
) -> None:
    """Some browsers do so as a protection against fingerprinting."""
    altering = """
        const exact = OffscreenCanvasRenderingContext2D.prototype.getImageData;
        OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...given) {
            const found = exact.apply(this, given);
            found.data[4 * 7] ^= 1;
            return found;
        };
    """
    watched.page.route(
        "**/worker.js", lambda route: route.fulfill(response=(got := route.fetch()), body=altering + got.text())
    )
    watched.page.goto(page_url)
    shown = AppPage(watched.page).drop("body", *pair)
    (problem,) = shown.problems
    assert "this browser changes the pixels that a page reads" in problem
    assert AppPage(watched.page).drop("#zone-distorted", pair[0]).score == "0"


@pytest.mark.thorough
def test_a_second_pair_replaces_the_first_one_that_is_still_scored(
    fresh_page: AppPage, pair: tuple[Path, Path]
) -> None:
    page = fresh_page.page
    for paths in (pair, (pair[0], pair[0]), (pair[1], pair[0])):
        for zone, path in zip(("#zone-reference", "#zone-distorted"), paths, strict=True):
            page.set_input_files(f"{zone} input", path)
    shown = fresh_page.wait()
    assert page.inner_text("#file-reference") == pair[1].name
    assert shown.score not in (None, "0")


@pytest.mark.thorough
def test_the_map_hides_nothing_of_the_identical_pair(fresh_page: AppPage, pair: tuple[Path, Path]) -> None:
    fresh_page.drop("body", *pair)
    fresh_page.page.click("#map-switch")
    assert canvas_pixels(fresh_page.page, "#map").shape == (300, 451, 4)
    fresh_page.drop("body", pair[0], pair[0])
    assert fresh_page.page.is_hidden("#map")
    assert fresh_page.page.is_hidden("#legend")
