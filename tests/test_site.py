"""The site of the documents is complete, its links lead somewhere, and its pages ask no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command

import innersight
from browsers import WatchedPage
from innersight.cli.app import app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

yaml = pytest.importorskip("yaml", reason="NOT RUN: the extra docs is not installed")
pytest.importorskip("mkdocs", reason="NOT RUN: the extra docs is not installed")

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOTICE = "notice.md"  # from the file NOTICE, when the site is built


class Links(HTMLParser):
    """Collects the names that a page has, the links that it offers, and the files that it loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.names |= {found[key] or "" for key in ("id", "name") if key in found}
        if tag == "a" and found.get("href"):
            self.links.add(found["href"] or "")
        elif tag != "a" and found.get("rel") not in ("prev", "next"):
            self.loaded |= {found[key] or "" for key in ("href", "src", "srcset") if found.get(key)}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it: a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr, done.stderr
    return folder


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Links]:
    """The links of each page. The page of errors is left out: it is for the root of a server."""
    return {path: Links(path) for path in site.rglob("*.html") if path.name != "404.html"}


@pytest.fixture
def server(site: Path) -> Iterator[str]:
    """The address of a server of the site on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def commands() -> Iterator[tuple[str, Any]]:
    program: Any = get_command(app)
    for name, command in program.commands.items():
        yield name, command
        for sub_name, sub_command in getattr(command, "commands", {}).items():
            yield f"{name} {sub_name}", sub_command


def navigated(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        (value,) = entry.values()
        if isinstance(value, str):
            yield value
        else:
            yield from navigated(value)


def test_every_page_is_in_the_navigation_once() -> None:
    found = list(navigated(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert sorted(found) == sorted([NOTICE, *(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))])


@pytest.mark.thorough
def test_every_public_name_is_in_the_reference_with_its_text(site: Path, pages: dict[Path, Links]) -> None:
    page = site / "reference" / "python.html"
    for name in innersight.__all__:
        value = getattr(innersight, name)
        home = f"{innersight._HOMES[name]}.{name}"
        assert home in pages[page].names
        if name != "PRESETS":
            assert (value.__doc__ or "").split(".")[0].split("`")[0].split(":")[0] in page.read_text()


def test_every_command_and_every_option_is_in_the_reference(site: Path, pages: dict[Path, Links]) -> None:
    page = site / "reference" / "commands.html"
    sections = re.split(r'<h2 id="([^"]+)"', page.read_text())
    texts = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert len(texts) >= 12
    for name, command in commands():
        text = texts[name.replace(" ", "-")]
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else []:
                assert re.search(rf"<dt><code>(\S+, )*{re.escape(option)}[ ,<]", text), f"{name} {option}"


def test_formulas_and_examples_of_docstrings_are_drawn(site: Path) -> None:
    text = (site / "reference" / "python.html").read_text()
    assert text.count("<math ") >= 10
    assert ":math:" not in text
    assert ".. math::" not in text
    assert "Example:" not in text
    assert re.search(r'<span class="gp">&gt;&gt;&gt; ?</span>', text)


def test_every_link_and_every_anchor_leads_somewhere(site: Path, pages: dict[Path, Links]) -> None:
    checked = 0
    for path, found in pages.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert parts.scheme == "https", f"{path.name}: {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].names, f"{path.name}: {link}"
            checked += 1
    assert checked > 500


def test_every_loaded_file_is_in_the_site(site: Path, pages: dict[Path, Links]) -> None:
    for path, found in pages.items():
        for address in found.loaded:
            parts = urlsplit(address)
            assert not parts.scheme, f"{path.name}: {address}"
            assert not parts.netloc, f"{path.name}: {address}"
            assert parts.path == "" or (path.parent / unquote(parts.path)).is_file(), f"{path.name}: {address}"


@pytest.mark.thorough
def test_pages_opened_as_files_load_nothing_from_elsewhere_and_log_no_error(
    pages: dict[Path, Links], watched: WatchedPage
) -> None:
    for path in pages:
        watched.page.goto(path.as_uri())
        assert watched.page.locator("h1").count() == 1, path
    assert len(watched.requests) > len(pages)


@pytest.mark.thorough
def test_no_page_is_wider_than_a_phone(pages: dict[Path, Links], chromium: Browser) -> None:
    with WatchedPage(chromium, width=390, height=844, dark=True) as phone:
        for path in pages:
            phone.page.goto(path.as_uri())
            assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390, path


def search(page: Page) -> list[str]:
    page.locator(".md-search__input").fill("heat map")
    page.wait_for_selector(".md-search-result__link", timeout=120_000)  # milliseconds; the index is built in the page
    return page.locator(".md-search-result__link").evaluate_all("links => links.map(link => link.href)")


@pytest.mark.thorough
def test_the_search_finds_pages_as_a_file_and_on_a_server(site: Path, server: str, chromium: Browser) -> None:
    for start in ((site / "index.html").as_uri(), f"{server}/index.html"):
        with WatchedPage(chromium) as watched:
            watched.page.goto(start)
            found = search(watched.page)
            assert len(found) >= 3
            assert all(urlsplit(link)[:2] == urlsplit(start)[:2] for link in found)
