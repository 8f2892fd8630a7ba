"""What a user does on the page of a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="NOT RUN: playwright is not installed").expect


def column(page: Page, field: str) -> list[str]:
    """Read the visible cells of a column."""
    return page.locator(f".tabulator-row [tabulator-field={field}]").all_inner_texts()


def open_pair(page: Page, name: str) -> None:
    """Open the pair of a row, and wait for its images."""
    page.wait_for_selector("html[data-ready]")
    page.locator(".tabulator-row", has_text=name).click()
    expect(page.locator("#pair-about")).not_to_be_empty()
