"""A hook of MkDocs: the reference of the command line, from the program itself.

The page `reference/commands.md` has a mark, which the sections of all commands replace when the site is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from typer.main import get_command

from innersight.cli.app import app

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

PAGE = "reference/commands.md"
MARK = "<!-- commands -->"


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Write the sections of the commands in place of the mark."""
    if page.file.src_uri != PAGE:
        return markdown
    if markdown.count(MARK) != 1:
        raise ValueError(f"{PAGE} must have the line {MARK} once, where the commands go.")
    return markdown.replace(MARK, "\n".join(sections()))


def commands() -> Iterator[tuple[str, Any]]:
    """Return each command with its full name, such as `weights pull`; a group comes before its commands."""
    program: Any = get_command(app)
    for name, command in program.commands.items():
        yield name, command
        for sub_name, sub_command in getattr(command, "commands", {}).items():
            yield f"{name} {sub_name}", sub_command


def sections() -> Iterator[str]:
    """Return the lines of all sections, as Markdown. Their texts are those that `--help` prints."""
    for name, command in commands():
        context = command.context_class(command, info_name=f"innersight {name}")
        yield f"\n## innersight {name} {{ #{name.replace(' ', '-')} }}\n"
        yield f"{_text(command.help)}\n"
        usage = command.get_usage(context).removeprefix("Usage: ")
        yield f"<pre class='usage'><code>{escape(' '.join(usage.split()))}</code></pre>\n"
        records = [(each.param_type_name, each.get_help_record(context)) for each in command.params]
        for kind, title in (("argument", "Arguments"), ("option", "Options")):
            shown = [record for found, record in records if found == kind and record is not None]
            if shown:
                yield f"<p class='kind'>{title}</p>\n"
            for signature, said in shown:
                yield f"`{signature}`\n:   {_text(said)}\n"


def _text(said: str) -> str:
    """Return a text of a help page so that Markdown changes nothing but code in backticks."""
    parts = said.split("`")
    parts[::2] = [escape(part, quote=False).replace("*", r"\*").replace("_", r"\_") for part in parts[::2]]
    return "`".join(parts)
