"""Time of sorting, filtering and opening in a report with many rows, in Chromium.

    python benchmarks/report_rows.py [--rows 10000] [--repeats 9]

It needs playwright and Chromium. Each time is from the click to the next frame that the browser draws.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from innersight import Scorer
from innersight.report.content import Report, ReportMetric, ReportRow
from innersight.report.page import write_report

_AFTER_FRAME = """
(action) => new Promise((resolve) => {
  const start = performance.now();
  new Function(action)();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
})
"""


def write(path: Path, count: int) -> None:
    """Write a report without images."""
    draw = random.Random(0)  # noqa: S311
    rows = [
        ReportRow(
            f"photographs/reference_{number % 25:02}.png",
            f"codec/image_{number:05}.jpg",
            {"lite": draw.uniform(0, 12)},
            parts={"lite": [draw.random() for _ in range(6)]},
            others={"kind": draw.choice(["jpeg", "blur", "noise"]), "bits": draw.uniform(0.1, 3)},
        )
        for number in range(count)
    ]
    scorer = Scorer("lite")
    write_report(path, Report("10,000 rows", [ReportMetric.of(scorer)], rows), scorer, pairs=0)


def measure(page: Page, action: str, repeats: int) -> tuple[float, float]:
    """Return the median and the maximum, milliseconds."""
    # The page allows no script but its own; the debugger that playwright uses is not bound by that.
    times = [page.evaluate(_AFTER_FRAME.replace("new Function(action)()", action)) for _ in range(repeats)]
    return statistics.median(times), max(times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        write(path, given.rows)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_selector(".tabulator-row")
        print(f"{given.rows} rows, {path.stat().st_size / 1e6:.1f} MB, Chromium {browser.version}")
        for name, action in {
            "sort by score": "document.querySelector('[tabulator-field=score0] .tabulator-col-title').click()",
            "sort by name": "document.querySelector('[tabulator-field=distorted] .tabulator-col-title').click()",
            "scroll by 2,000 pixels": "document.querySelector('.tabulator-tableholder').scrollTop += 2000",
        }.items():
            median, worst = measure(page, action, given.repeats)
            print(f"{name}: median {median:.0f} ms, maximum {worst:.0f} ms")
        drawn = page.locator(".tabulator-row").count()
        print(f"rows in the document: {drawn}")
        browser.close()


if __name__ == "__main__":
    main()
