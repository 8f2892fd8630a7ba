"""The page of a report in Chromium, opened as a file: it works offline, with the pointer and with the keyboard."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from browsers import WatchedPage
from innersight.inference.scorer import Scorer
from innersight.report.content import ReportRow
from report_pages import column, open_pair

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect = pytest.importorskip("playwright.sync_api", reason="NOT RUN: playwright is not installed").expect


@pytest.mark.thorough
def test_the_page_loads_nothing_but_itself(report: Path, watched: WatchedPage) -> None:
    watched.page.goto(report.as_uri())
    open_pair(watched.page, "cat-10.jpg")
    watched.page.wait_for_timeout(300)
    assert watched.requests == [report.as_uri()]
    assert watched.errors == []


@pytest.mark.thorough
def test_pairs_are_sorted_by_score_and_then_by_what_is_selected(page: Page, rows: list[ReportRow]) -> None:
    scores = sorted((row.scores["lite"] for row in rows if row.scores), reverse=True)
    assert column(page, "score0") == [*(f"{score:.4f}" for score in scores), ""]
    page.locator("[tabulator-field=distorted] .tabulator-col-title").click()
    assert column(page, "distorted") == sorted(row.distorted for row in rows)


@pytest.mark.thorough
def test_filters_of_text_and_numbers_and_the_search_leave_the_pairs_that_match(
    page: Page, rows: list[ReportRow]
) -> None:
    shown = page.locator("#count")
    names, scores = (page.locator(f"[tabulator-field={field}] input") for field in ("distorted", "score0"))
    names.press_sequentially("blur")
    expect(shown).to_have_text("4 of 11 pairs")
    assert all("blur" in name for name in column(page, "distorted"))
    names.fill("")
    names.press("Enter")
    limit = round(float(np.median([row.scores["lite"] for row in rows if row.scores])), 2)
    scores.press_sequentially(f"> {limit}")
    wanted = sum(row.scores.get("lite", 0) > limit for row in rows)
    assert 0 < wanted < 10
    expect(shown).to_have_text(f"{wanted} of 11 pairs")
    scores.fill("")
    scores.press("Enter")
    page.locator("#search").fill("CUP.PNG")
    expect(shown).to_have_text("5 of 11 pairs")
    page.locator("#search").fill("no such pair")
    expect(shown).to_have_text("0 of 11 pairs")
    assert page.get_by_text("No pair matches the filters.").is_visible()
    page.locator("#search").fill("")
    expect(shown).to_have_text("11 pairs")


@pytest.mark.thorough
def test_a_pair_shows_its_values_and_the_parts_of_its_score(page: Page, rows: list[ReportRow]) -> None:
    open_pair(page, "cat-10.jpg")
    row = next(row for row in rows if row.distorted == "cat-10.jpg")
    assert page.locator("#pair-title").inner_text() == "cat-10.jpg (reference cat.png)"
    facts = page.locator("#facts").inner_text()
    assert f"{row.scores['lite']:.6f}" in facts
    assert "jpeg" in facts
    assert page.locator("#parts .bars .point").count() == len(row.parts["lite"])
    assert "180 \u00d7 120 pixels." in page.locator("#pair-about").inner_text()


@pytest.mark.thorough
def test_dragging_moves_the_boundary_between_the_images(page: Page) -> None:
    open_pair(page, "cat-10.jpg")
    box = page.locator("#stage").bounding_box()
    assert box is not None
    clip = "getComputedStyle(document.querySelector('#pane-distorted')).clipPath"
    assert "50%" in page.evaluate(clip)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50, steps=4)
    page.mouse.up()
    percent = float(re.search(r"([\d.]+)%", page.evaluate(clip))[1])
    assert percent == pytest.approx(25, abs=0.5)
    page.locator("#split").focus()
    page.keyboard.press("Home")
    assert page.evaluate(clip) == "inset(0px 0px 0px 0%)"


@pytest.mark.thorough
def test_the_images_on_both_sides_of_the_boundary_are_the_files(
    page: Page, rows: list[ReportRow], tmp_path: Path
) -> None:
    row = next(row for row in rows if row.distorted == "cat-blur3.png")
    open_pair(page, row.distorted)
    assert row.files is not None
    page.evaluate("document.querySelectorAll('.tag, #divider').forEach((one) => one.remove())")
    for place, file in ((1000, row.files[0]), (0, row.files[1])):
        page.evaluate(f"document.querySelector('#split').value = {place}")
        page.locator("#split").dispatch_event("input")
        shown = crop_of(page, tmp_path)
        wanted = np.asarray(Image.open(file).convert("RGB").resize(shown.size, Image.Resampling.BILINEAR), float)
        assert np.sqrt(((np.asarray(shown, float) - wanted) ** 2).mean()) < 8


def crop_of(page: Page, folder: Path) -> Image.Image:
    """Take a picture of the image in the stage, without its surroundings."""
    page.locator("#stage").screenshot(path=folder / "stage.png")
    stage, world = (page.locator(name).first.bounding_box() for name in ("#stage", ".world"))
    left, top = world["x"] - stage["x"] + 1, world["y"] - stage["y"] + 1
    box = (left, top, left + world["width"] - 2, top + world["height"] - 2)
    return Image.open(folder / "stage.png").convert("RGB").crop(tuple(round(edge) for edge in box))


@pytest.mark.thorough
def test_the_map_lies_over_the_distorted_image_with_an_opacity(page: Page) -> None:
    open_pair(page, "cat-10.jpg")
    canvas = page.locator("#pane-distorted canvas")
    assert canvas.is_hidden()
    page.locator("#map-on").check()
    assert canvas.is_visible()
    page.locator("#opacity").fill("30")
    assert canvas.evaluate("(map) => map.style.opacity") == "0.3"
    own = pixels_of(canvas)
    assert own[:, :3].max(0).tolist() == [252, 255, 164]  # the brightest colour is that of the largest difference
    page.locator("#same-scale").check()
    common = pixels_of(canvas)
    assert common[:, :3].sum() < own[:, :3].sum()  # another pair has larger differences
    page.locator("#map-on").uncheck()
    assert canvas.is_hidden()


def pixels_of(canvas: Locator) -> np.ndarray:
    """Return the pixels of a canvas, by way of a PNG file."""
    content = canvas.evaluate("(canvas) => canvas.toDataURL('image/png')").partition(",")[2]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA")).reshape(-1, 4)


@pytest.mark.thorough
def test_both_images_zoom_and_move_together(page: Page) -> None:
    open_pair(page, "cat-10.jpg")
    page.keyboard.press("d")
    worlds = "[...document.querySelectorAll('.world')].map((world) => world.style.transform)"
    for _ in range(3):
        page.locator("#zoom-in").click()
    reference, distorted = page.evaluate(worlds)
    assert reference == distorted
    assert float(re.search(r"scale\(([\d.]+)\)", reference)[1]) == pytest.approx(1.5**3)
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 80, steps=3)
    page.mouse.up()
    moved = page.evaluate(worlds)
    assert moved[0] == moved[1] != reference
    page.mouse.wheel(0, 3000)
    assert "scale(1)" in page.evaluate(worlds)[0]


@pytest.mark.thorough
def test_flicker_shows_both_images_in_turn(page: Page) -> None:
    open_pair(page, "cat-10.jpg")
    page.get_by_role("radio", name="Flicker").click()
    for state in ("hidden", "visible", "hidden"):
        expect(page.locator("#pane-distorted")).to_have_css("visibility", state)
    page.get_by_role("radio", name="Slider").click()
    assert page.locator("#pane-distorted").evaluate("(pane) => pane.style.visibility") == ""


@pytest.mark.thorough
def test_a_point_of_the_scatter_opens_its_pair(page: Page, rows: list[ReportRow]) -> None:
    point = page.locator("#scatter .scatterlayer .point").first
    point.scroll_into_view_if_needed()
    row, wanted = page.evaluate(
        "(() => { const trace = document.querySelector('#scatter').data[0]; return [trace.customdata[0], trace.x[0]]; })()"
    )
    assert wanted == pytest.approx(rows[row].scores["lite"], rel=1e-6)
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 1)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_selector("dialog[open]")
    assert page.locator("#pair-title").inner_text().startswith(rows[row].distorted)


@pytest.mark.thorough
def test_the_plots_show_the_statistics(page: Page, rows: list[ReportRow]) -> None:
    assert page.locator("#bars .point").count() == 1
    assert page.locator("#kinds .boxlayer .trace").count() == 2
    assert page.evaluate("document.querySelector('#layers').data[0].x") == list(Scorer("lite").layer_names)
    low, high = page.evaluate(
        "(([bar]) => [bar.error_y.arrayminus[0], bar.error_y.array[0]])(document.querySelector('#bars').data)"
    )
    assert low >= 0
    assert high >= 0
    assert "SRCC" in page.locator("#summary").inner_text()


@pytest.mark.thorough
def test_the_page_works_with_the_keyboard_alone(page: Page) -> None:
    page.locator(".tabulator-tableholder").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = column(page, "distorted")[1]
    page.keyboard.press("Enter")
    assert page.locator("#pair-title").inner_text().startswith(second)
    page.keyboard.press("n")
    third = column(page, "distorted")[2]
    assert page.locator("#pair-title").inner_text().startswith(third)
    page.keyboard.press("m")
    assert page.locator("#map-on").is_checked()
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.locator(".tabulator-row.current [tabulator-field=distorted]").inner_text() == third
    assert page.evaluate("document.activeElement.className") == "tabulator-tableholder"


@pytest.mark.thorough
def test_a_pair_without_a_score_says_why(page: Page) -> None:
    page.locator(".tabulator-row", has_text="gone.png").click()
    expect(page.locator("#pair-message")).to_have_text("The file is missing.")
    expect(page.locator("#stage")).to_be_hidden()


@pytest.mark.thorough
def test_the_theme_follows_the_system_and_the_button(report: Path, chromium) -> None:
    with WatchedPage(chromium, dark=True) as dark:
        dark.page.goto(report.as_uri())
        background = "getComputedStyle(document.documentElement).backgroundColor"
        assert dark.page.evaluate(background) == "rgb(20, 23, 27)"
        dark.page.get_by_role("button", name="Change to the light theme").click()
        assert dark.page.evaluate(background) == "rgb(255, 255, 255)"


@pytest.mark.thorough
def test_nothing_is_wider_than_a_telephone(report: Path, chromium) -> None:
    with WatchedPage(chromium, width=390, height=844) as narrow:
        narrow.page.goto(report.as_uri())
        narrow.page.wait_for_selector("html[data-ready]")
        assert narrow.page.evaluate("document.documentElement.scrollWidth") <= 390
        open_pair(narrow.page, "cat-10.jpg")
        assert narrow.page.evaluate("document.querySelector('.pair-body').scrollWidth") <= 390
