"""A hook of MkDocs: formulas of docstrings become MathML, which browsers draw without a script.

Docstrings hold formulas as reStructuredText does: `:math:` before a formula in backticks, and paragraphs that start
with `.. math::`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement

from latex2mathml.converter import convert
from markdown import Extension, Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.inlinepatterns import InlineProcessor

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig

_BEFORE_CODE = 195  # the priority of code in backticks is 190
_BEFORE_PARAGRAPHS = 95


def mathml(formula: str, display: str) -> str:
    """Convert a formula of LaTeX.

    Args:
        formula: LaTeX, over one or more lines.
        display: `inline` or `block`.
    """
    return convert(" ".join(formula.split()), display=display)


class _Inline(InlineProcessor):
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:  # noqa: ARG002, N802 - Markdown's names
        return self.md.htmlStash.store(mathml(m.group(1), "inline")), m.start(0), m.end(0)


class _Block(BlockProcessor):
    _START = ".. math::"

    def test(self, parent: Element, block: str) -> bool:  # noqa: ARG002 - Markdown's signature
        return block.lstrip().startswith(self._START)

    def run(self, parent: Element, blocks: list[str]) -> None:
        formula = blocks.pop(0).strip().removeprefix(self._START)
        place = SubElement(parent, "p", {"class": "formula"})
        place.text = self.parser.md.htmlStash.store(mathml(formula, "block"))


class Formulas(Extension):
    """The extension of Markdown that reads both forms."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - Markdown's name
        """Add both forms to a converter."""
        md.inlinePatterns.register(_Inline(r":math:`([^`]+)`", md), "formulas", _BEFORE_CODE)
        md.parser.blockprocessors.register(_Block(md.parser), "formulas", _BEFORE_PARAGRAPHS)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the extension to those of the site."""
    config.markdown_extensions.append(Formulas())  # type: ignore[arg-type] - Markdown takes objects too
    return config
