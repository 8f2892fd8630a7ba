"""Measure the page of `innersight app` in Chromium, beside the command line: `python benchmarks/browser_page.py`.

Loading is the time from the request of the page to the network that is ready. Scoring is the time from the choice of
the second file to the score on the page, without that of the first file. Both read files, and both compute the map.
Each number is the smallest of several runs, on which other work of the machine has the least effect.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZES = ((512, 384), (1920, 1080), (3840, 2160))


def write_pair(folder: Path, width: int, height: int) -> tuple[Path, Path]:
    """Write a photograph as PNG and as JPEG."""
    from PIL import Image
    from skimage import data

    photograph = Image.fromarray(data.astronaut()).resize((width, height), Image.Resampling.BICUBIC)
    photograph.save(reference := folder / f"{width}.png", compress_level=1)
    photograph.save(distorted := folder / f"{width}.jpg", quality=20)
    return reference, distorted


def open_page(browser: Browser, url: str) -> tuple[Page, float]:
    """Open the page with an empty cache; return it and the seconds until the network is ready."""
    page = browser.new_context().new_page()
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_selector("#progress", state="hidden", timeout=120_000)
    return page, time.perf_counter() - start


def score(page: Page, reference: Path, distorted: Path) -> float:
    """Choose both files; return the seconds from the choice of the second one to the score."""
    page.set_input_files("#zone-reference input", reference)
    page.wait_for_selector("#main:not(.stale)", timeout=120_000)
    start = time.perf_counter()
    page.set_input_files("#zone-distorted input", distorted)
    page.wait_for_selector("#main:not(.stale)", timeout=300_000)
    seconds = time.perf_counter() - start
    if not page.is_visible("#result"):
        raise RuntimeError(page.inner_text("main"))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs

    from playwright.sync_api import sync_playwright

    from innersight.browser.server import PageServer

    command = [str(Path(sys.executable).parent / "innersight"), "score"]
    with tempfile.TemporaryDirectory() as name, PageServer() as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        print(f"{platform.machine()}, {os.cpu_count()} cores, Chromium {browser.version}")
        loading = [open_page(browser, server.url)[1] for _ in range(runs)]
        print(f"load the page and the network: {min(loading):.2f} s")
        print("score                  page, first pair   page, next pairs   `innersight score`, whole process")
        for width, height in SIZES:
            pair = write_pair(Path(name), width, height)
            first, following, whole = [], [], []
            for _ in range(runs):
                page, _ = open_page(browser, server.url)
                first.append(score(page, *pair))
                following.append(score(page, *reversed(pair)))
                page.context.close()
                start = time.perf_counter()
                subprocess.run([*command, *pair, "--map", f"{name}/map.png"], check=True, capture_output=True)
                whole.append(time.perf_counter() - start)
            least = (min(seconds) for seconds in (first, following, whole))
            print(f"{f'  {width} x {height}':<22} " + "".join(f"{seconds:13.2f} s    " for seconds in least).rstrip())
        browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
