"""The picture of docs/report.md: the table of a report and a pair, in Chromium.

    python benchmarks/report_picture.py REPORT.html docs/report.jpg

It needs playwright and Chromium. The commands of docs/report.md make the report.
"""

from __future__ import annotations

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 640})
        page.goto(options.report.absolute().as_uri())
        page.evaluate("document.querySelector('#pairs-title').scrollIntoView()")
        page.wait_for_timeout(500)
        table = Image.open(io.BytesIO(page.screenshot()))
        page.locator(".tabulator-row").first.click()
        page.locator("#map-on").check()
        page.wait_for_timeout(500)
        pair = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    sheet = Image.new("RGB", (table.width + pair.width + 20, table.height), "white")
    sheet.paste(table, (0, 0))
    sheet.paste(pair, (table.width + 20, 0))
    sheet.resize((sheet.width * 2 // 3, sheet.height * 2 // 3), Image.Resampling.LANCZOS).save(options.out, quality=80)


if __name__ == "__main__":
    main()
