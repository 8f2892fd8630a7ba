"""The page in Chromium, and files that are dropped on it."""

from __future__ import annotations

import base64
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from browsers import WatchedPage
from innersight.browser.server import PageServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_DROP = """([selector, kind, files]) => {
    const carried = new DataTransfer();
    for (const [name, type, text] of files) {
        carried.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, { type }));
    }
    const details = kind === "paste" ? { clipboardData: carried } : { dataTransfer: carried };
    const event = new (kind === "paste" ? ClipboardEvent : DragEvent)(kind, { bubbles: true, cancelable: true, ...details });
    document.querySelector(selector).dispatchEvent(event);
}"""
_TYPES = {".jpg": "image/jpeg", ".txt": "text/plain"}
_DECODE = """async ([text, type]) => {
    const { decode } = await import("/scripts/decode.js");
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const { picture, doubt } = await decode(new Blob([bytes], { type }));
    const encode = (level) => {
        const found = new Uint8Array(picture.on(level).buffer);
        let binary = "";
        for (let at = 0; at < found.length; at += 32768) binary += String.fromCharCode(...found.subarray(at, at + 32768));
        return btoa(binary);
    };
    return [picture.width, picture.height, doubt, encode(1), encode(0)];
}"""


def media_type(path: Path) -> str:
    """Return the type that a browser derives from the name of a file."""
    return _TYPES.get(path.suffix, f"image/{path.suffix[1:]}")


@dataclass(frozen=True)
class Shown:
    """What the page shows after files were dropped.

    Attributes:
        score: The score as text; None if no result is shown.
        meaning: The sentence below the score.
        notes: The notes below the sentence.
        problems: The errors, those of the zones first.
    """

    score: str | None
    meaning: str
    notes: str
    problems: list[str]


class AppPage:
    """The page, as a visitor uses it.

    Args:
        page: The page of playwright. The network need not be loaded yet.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    def drop(self, selector: str, *paths: Path, kind: str = "drop") -> Shown:
        """Drop or paste files on an element, and wait for what the page shows then."""
        files = [(path.name, media_type(path), base64.b64encode(path.read_bytes()).decode()) for path in paths]
        self.page.evaluate(_DROP, [selector, kind, files])
        return self.wait()

    def score(self, reference: Path, distorted: Path) -> Shown:
        """Drop two files, each on its zone."""
        self.drop("#zone-reference", reference)
        return self.drop("#zone-distorted", distorted)

    def wait(self) -> Shown:
        """Wait until the page has processed the files."""
        self.page.wait_for_selector("#main:not(.stale)", timeout=120_000)
        return Shown(
            self.page.inner_text("#score") if self.page.is_visible("#result") else None,
            self.page.inner_text("#meaning"),
            self.page.inner_text("#notes"),
            [text for text in self.page.locator(".error").all_inner_texts() if text],
        )

    def decode(self, path: Path) -> tuple[np.ndarray, np.ndarray, str | None]:
        """Return the pixels (3, H, W) that the page scores, on white and on black, and what is in doubt."""
        given = [base64.b64encode(path.read_bytes()).decode(), media_type(path)]
        width, height, doubt, white, black = self.page.evaluate(_DECODE, given)
        shape = 3, height, width
        planes = [np.frombuffer(base64.b64decode(text), np.float32).reshape(shape) for text in (white, black)]
        return planes[0], planes[1], doubt


def command_line(reference: Path, distorted: Path) -> tuple[float, str]:
    """Return the score of `innersight score`, and its sentence on JPEG qualities, or an empty text."""
    command = [Path(sys.executable).parent / "innersight", "score", reference, distorted]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return float(lines[0].split()[0]), next((line for line in lines if line.startswith("Photographs ")), "")


@pytest.fixture(scope="session")
def page_url() -> Iterator[str]:
    """The address of the page, served by this process."""
    with PageServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture(scope="module")
def shared_page(chromium: Browser, page_url: str) -> Iterator[AppPage]:
    """A page for all tests of a module: the network is loaded once. No test may make it log an error."""
    with WatchedPage(chromium) as watched:
        watched.page.goto(page_url)
        yield AppPage(watched.page)


@pytest.fixture
def fresh_page(watched: WatchedPage, page_url: str) -> AppPage:
    """A page that was just opened."""
    watched.page.goto(page_url)
    return AppPage(watched.page)


def canvas_pixels(page: Page, selector: str) -> np.ndarray:
    """Return the pixels of a canvas, (H, W, 4)."""
    found: list[Any] = page.evaluate(
        """(selector) => {
            const canvas = document.querySelector(selector);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [canvas.height, canvas.width, Array.from(data)];
        }""",
        selector,
    )
    return np.array(found[2], dtype=np.uint8).reshape(found[0], found[1], 4)
