"""Chromium for the tests of pages: it is started without a window, and what a page logs and loads is recorded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Without the background services of Chromium, which ask for hosts of their own.
_OPTIONS = ("--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync")


def start_chromium() -> Iterator[Browser]:
    """Start the Chromium of this machine, and end it after the tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="NOT RUN: playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("NOT RUN: no Chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=list(_OPTIONS))
        yield browser
        browser.close()


class WatchedPage:
    """A page that must log no error and load nothing from another origin than its own.

    Attributes:
        page: The page of playwright.
        errors: Errors and warnings that the page logged, and exceptions that nothing caught.
        requests: The addresses that the page loaded, without those of data that it holds itself.
    """

    def __init__(self, browser: Browser, *, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        self._context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
        )
        self.page = self._context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on(
            "console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._record(request.url))

    def _record(self, address: str) -> None:
        if urlsplit(address).scheme not in ("data", "blob"):
            self.requests.append(address)

    def __enter__(self) -> WatchedPage:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        here = self.page.url
        self._context.close()
        if kind is None:
            own = urlsplit(here)[:2]
            assert self.errors == []
            assert [address for address in self.requests if urlsplit(address)[:2] != own] == []
