"""SECURITY.md promises nothing without a test, and its links and commands exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "SECURITY.md").read_text()
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| input ")]


def test_each_row_names_tests_that_exist() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^ *def (test_\w+)\(", tests, re.MULTILINE))
    assert len(ROWS) > 15
    for row in ROWS:
        assert re.search(r"`test_\w+`", row.rsplit("|", 2)[1]), row
    assert set(re.findall(r"`(test_\w+)`", TEXT)) <= defined


def test_each_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / link).is_file()] == []
    assert "](SECURITY.md)" in (ROOT / "README.md").read_text()


def test_each_command_of_make_has_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"`make ([a-z]+)`", TEXT)
    assert {"dist", "sbom", "audit"} <= set(commands)
    for command in commands:
        assert re.search(rf"^{command}:", makefile, re.MULTILINE), command


def test_it_can_be_read_in_some_minutes() -> None:
    assert len(TEXT.splitlines()) <= 90
