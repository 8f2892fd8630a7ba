"""What the tests of the page of a report share: pairs of photographs, and a report of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageFilter
from skimage import data

from browsers import WatchedPage
from innersight.evaluation.agreement import evaluate
from innersight.inference.scorer import Scorer
from innersight.report.content import Report, ReportMetric, ReportRow
from innersight.report.opinions import opinions_of
from innersight.report.page import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="package")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[ReportRow]:
    """Two photographs with three qualities of JPEG and two blurs each, and a pair without a file."""
    folder = tmp_path_factory.mktemp("pairs")
    scorer = Scorer("lite")
    made = []
    for name, pixels in (("cat", data.chelsea()), ("cup", data.coffee())):
        reference = Image.fromarray(pixels).resize((180, 120))
        reference.save(folder / f"{name}.png")
        for quality in (10, 40, 80):
            reference.save(folder / f"{name}-{quality}.jpg", quality=quality)
        for radius in (1, 3):
            reference.filter(ImageFilter.GaussianBlur(radius)).save(folder / f"{name}-blur{radius}.png")
        for distorted in sorted(folder.glob(f"{name}-*")):
            found = scorer.score(folder / f"{name}.png", distorted, per_layer=True)
            kind = "blur" if "blur" in distorted.name else "jpeg"
            others = {"kind": kind, "opinion": round(10 - found.score + (kind == "blur"), 3)}
            made.append(
                ReportRow(
                    f"{name}.png",
                    distorted.name,
                    {"lite": found.score},
                    parts={"lite": found.per_layer or []},
                    others=others,
                    files=(folder / f"{name}.png", distorted),
                )
            )
    missing = {"kind": "jpeg", "opinion": None}
    return [*made, ReportRow("cat.png", "gone.png", {}, others=missing, error="The file is missing.")]


@pytest.fixture(scope="package")
def report(rows: list[ReportRow], tmp_path_factory: pytest.TempPathFactory) -> Path:
    scorer = Scorer("lite")
    metrics = [ReportMetric.of(scorer)]
    opinions = [row.others["opinion"] for row in rows]
    kinds = [str(row.others["kind"]) for row in rows]
    evaluation = evaluate(
        [row.scores.get("lite") for row in rows],
        opinions,
        opinion_direction="higher-is-better",
        references=[row.reference for row in rows],
        kinds=kinds,
        resamples=100,
    )
    section = opinions_of(rows, metrics, {"lite": evaluation}, opinions, direction="higher-is-better", kinds=kinds)
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert write_report(path, Report("Two photographs", metrics, rows, section), scorer) == []
    return path


@pytest.fixture
def page(report: Path, watched: WatchedPage) -> Page:
    watched.page.goto(report.as_uri())
    watched.page.wait_for_selector("html[data-ready]")
    return watched.page
