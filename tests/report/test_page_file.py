"""The file of a report: text of a list cannot become code, images can be linked, and wrong results are reported."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browsers import WatchedPage
from innersight.errors import ArgumentError
from innersight.evaluation.agreement import evaluate
from innersight.inference.scorer import Scorer
from innersight.report.content import Report, ReportMetric, ReportRow
from innersight.report.opinions import opinions_of
from innersight.report.page import check_report, render, write_report
from innersight.report.pictures import PictureOptions
from report_pages import column, open_pair

if TYPE_CHECKING:
    pass

expect = pytest.importorskip("playwright.sync_api", reason="NOT RUN: playwright is not installed").expect

ATTACKS = [
    "<img src=x onerror=window.hacked=1>",
    "</script><script>window.hacked=1</script>",
    "\"'><svg onload=window.hacked=1>",
    "javascript:window.hacked=1",
    "<!--<script>",
]


@pytest.mark.thorough
def test_text_of_a_list_is_shown_and_never_run(rows: list[ReportRow], watched: WatchedPage, tmp_path: Path) -> None:
    scorer = Scorer("lite")
    known = rows[0]
    hostile = [
        ReportRow(
            attack,
            attack,
            known.scores,
            others={
                "kind": attack,
                "opinion": float(number),
                "case": attack,
                ATTACKS[0]: attack,
                ATTACKS[1]: float(number),
            },
            error=attack if number == 1 else None,
            files=known.files,
        )
        for number, attack in enumerate(ATTACKS)
    ]
    numbers = [float(number) for number in range(5)]
    evaluation = evaluate(numbers, numbers, opinion_direction="higher-is-better", kinds=ATTACKS, resamples=0)
    metric = ReportMetric("lite", citation=ATTACKS[0], layers=scorer.layer_names)
    section = opinions_of(
        hostile, [metric], {"lite": evaluation}, numbers, direction="higher-is-better", name=ATTACKS[0], kinds=ATTACKS,
        kind_names={ATTACKS[0]: ATTACKS[1]},
    )  # fmt: skip
    path = tmp_path / "report.html"
    write_report(path, Report(ATTACKS[0], [metric], hostile, section, notes=ATTACKS), scorer)
    page = watched.page
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.locator("#scatter .point").first.hover(force=True)  # a transparent layer takes the pointer
    page.locator(".tabulator-row").first.click()
    expect(page.locator("#pair-about")).not_to_be_empty()
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x], svg[onload], [onerror]").count() == 0
    page.keyboard.press("Escape")
    for attack in ATTACKS:
        assert attack in column(page, "distorted")
        assert attack in page.locator("#notes").inner_text()
    assert ATTACKS[0] in page.locator(".tabulator-header").inner_text()
    assert page.title() == ATTACKS[0]
    assert watched.errors == []  # the policy of the page had nothing to stop


@pytest.mark.thorough
def test_the_policy_stops_a_script_that_is_not_of_the_page(report: Path, chromium) -> None:
    watched = WatchedPage(chromium)
    watched.page.goto(report.as_uri())
    watched.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 1'}))"
    )
    watched.page.evaluate(
        "document.body.append(Object.assign(document.createElement('img'), {src: 'http://example.invalid/x.png'}))"
    )
    watched.page.wait_for_timeout(200)
    assert watched.page.evaluate("window.hacked") is None
    assert len([error for error in watched.errors if "Content Security Policy" in error]) == 2


@pytest.mark.thorough
def test_linked_images_are_the_files(rows: list[ReportRow], watched: WatchedPage) -> None:
    scorer = Scorer("lite")
    folder = rows[0].files[0].parent
    path = folder / "linked.html"
    write_report(path, Report("Linked", [ReportMetric.of(scorer)], rows, None), scorer, options=PictureOptions(folder))
    watched.page.goto(path.as_uri())
    open_pair(watched.page, "cat-10.jpg")
    assert (
        watched.page.locator("#pane-distorted img").evaluate("(image) => image.src") == (folder / "cat-10.jpg").as_uri()
    )
    assert watched.page.locator("#pane-distorted img").evaluate("(image) => image.naturalWidth") == 180
    files = {(folder / name).as_uri() for name in ("linked.html", "cat.png", "cat-10.jpg")}
    assert set(watched.requests) == files


@pytest.mark.thorough
def test_a_table_of_10_000_pairs_draws_the_visible_rows_only(watched: WatchedPage, tmp_path: Path) -> None:
    scorer = Scorer("lite")
    many = [ReportRow("r.png", f"{number:05}.png", {"lite": float(number * 7919 % 10007)}) for number in range(10_000)]
    write_report(tmp_path / "many.html", Report("Many", [ReportMetric.of(scorer)], many), scorer, pairs=0)
    page = watched.page
    page.goto((tmp_path / "many.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert page.locator(".tabulator-row").count() < 200
    page.locator("[tabulator-field=score0] .tabulator-col-title").click()
    expect(page.locator(".tabulator-row [tabulator-field=score0]").first).to_have_text("0")
    page.locator(".tabulator-tableholder").focus()
    page.keyboard.press("End")
    page.wait_for_selector(".tabulator-row.current")
    assert page.locator(".tabulator-row.current [tabulator-field=score0]").inner_text() == "10006"
    page.keyboard.press("Enter")
    assert "--pairs N" in page.locator("#pair-message").inner_text()


def test_scores_that_the_table_does_not_have_are_reported(rows: list[ReportRow], tmp_path: Path) -> None:
    scorer = Scorer("lite")
    wrong = [ReportRow(row.reference, row.distorted, {"lite": 99.0}, files=row.files) for row in rows[:2]]
    (note,) = write_report(tmp_path / "r.html", Report("t", [ReportMetric.of(scorer)], wrong), scorer)
    assert note.startswith("The maps do not explain the scores of 2 of 2 pairs: lite gives other scores")


def test_images_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    scorer = Scorer("lite")
    gone = [ReportRow("r", "d", {"lite": 1.0}, files=(tmp_path / "r.png", tmp_path / "d.png"))]
    (note,) = write_report(tmp_path / "r.html", Report("t", [ReportMetric.of(scorer)], gone), scorer)
    assert note == "The images of 1 of 1 pairs cannot be shown. Open a pair to see the reason."


def test_the_file_can_be_read_by_others_as_any_new_file(rows: list[ReportRow], tmp_path: Path) -> None:
    scorer = Scorer("lite")
    write_report(tmp_path / "r.html", Report("t", [ReportMetric.of(scorer)], rows[:1]), scorer, pairs=0)
    (tmp_path / "other").write_text("")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("r.html", "other")]
    assert modes[0] == modes[1]


def test_no_text_can_end_the_script_of_the_data() -> None:
    scorer = Scorer("lite")
    content = Report("t", [ReportMetric.of(scorer)], []).to_json() | {"notes": ["</script>\u2028"], "pairs": {}}
    data_of_page = render(content).split('id="data">')[1].split("</script>")[0]
    assert "\\u003c/script\\u003e\\u2028" in data_of_page


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("report.txt", r"must end in \.html, but got"),
        ("folder.html", "which is a folder"),
        ("none/report.html", "does not exist"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ArgumentError, match=said):
        check_report(tmp_path / name)
