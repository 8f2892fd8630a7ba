"""A hook of MkDocs: links whose text is the name of a file, as in the repository, get the title of the page."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

_LINK = re.compile(r"\[[\w/-]+\.md\]\(([^)#]+\.md)((?:#[^)]*)?)\)")


def on_page_markdown(markdown: str, page: Page, files: Files, **_: Any) -> str:
    """Replace the names of files on a page by titles. The navigation gives a title to every page."""
    folder = posixpath.dirname(page.file.src_uri)

    def titled(link: re.Match[str]) -> str:
        file = files.get_file_from_path(posixpath.normpath(posixpath.join(folder, link[1])))
        if file is None or file.page is None or not file.page.title:
            return link[0]
        return f"[{file.page.title}]({link[1]}{link[2]})"

    return _LINK.sub(titled, markdown)
