"""A hook of MkDocs: the file NOTICE is a page of the site, since pages link to it and it lies outside the documents."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

_NOTICE = Path(__file__).parent.parent / "NOTICE"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    content = f"# Notice and licences\n\n```text\n{_NOTICE.read_text()}```\n"
    files.append(File.generated(config, "notice.md", content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Lead links to the file to its page."""
    return markdown.replace("](../NOTICE)", "](notice.md)")
