"""Every block of the pages for users does what the page says: commands run, and outputs are as shown.

A block ```sh is run by bash, a block ```python in one process for the page. A block that starts with `# file: NAME`
is written to that file instead. A block ```text is the output of the block before it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START = sorted((ROOT / "docs" / "start").glob("*.md"))
PAGES = [*START, ROOT / "docs" / "figures.md"]
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
TOLERANCE = 0.03  # of numbers, relative: decoders and runtimes differ a little


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def check_output(found: str, shown: str) -> None:
    """Compare words exactly, and numbers within the tolerance."""
    assert NUMBER.sub("#", found).strip() == NUMBER.sub("#", shown).strip()
    numbers = [[float(text) for text in NUMBER.findall(each)] for each in (found, shown)]
    assert numbers[0] == pytest.approx(numbers[1], rel=TOLERANCE, abs=0.02)


def python_program(page: Path, folder: Path) -> str:
    """Return a program that runs all Python blocks, with a line of marks after the output of each."""
    parts = []
    for number, (language, text) in enumerate(blocks(page)):
        if language == "python" and not text.startswith("# file: "):
            parts.append(f"{text}\nprint('<<{number}>>', flush=True)\n")
            parts.append("import sys as _sys; _sys.stdin.readline()\n")
    (folder / "page.py").write_text("".join(parts))
    return str(folder / "page.py")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs_and_prints_what_is_shown(page: Path, tmp_path: Path) -> None:
    if "cjxl" in page.read_text() and shutil.which("cjxl") is None:
        pytest.skip("cjxl is not installed (Debian: libjxl-tools)")
    if "import pyiqa" in page.read_text() and importlib.util.find_spec("pyiqa") is None:
        pytest.skip("NOT RUN: pyiqa is not installed (`make test` installs it)")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    program = subprocess.Popen(
        [sys.executable, python_program(page, tmp_path)],
        cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    output = ""
    with program:
        for number, (language, text) in enumerate(blocks(page)):
            if text.startswith("# file: "):
                head, _, content = text.partition("\n")
                path = tmp_path / head.removeprefix("# file: ")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            elif language == "sh":
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", text],
                    cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
                )  # fmt: skip
                assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
                output = done.stdout
            elif language == "python":
                assert program.stdout is not None
                assert program.stdin is not None
                lines = []
                while (line := program.stdout.readline()) != f"<<{number}>>\n":
                    assert line, f"this block fails:\n{text}"
                    lines.append(line)
                output = "".join(lines)
                program.stdin.write("\n")
                program.stdin.flush()
            elif language == "text":
                check_output(output, text)
            else:
                raise AssertionError(f"a block of an unknown kind: {language}")
    assert program.returncode == 0


def test_there_is_a_page_for_each_kind_of_user() -> None:
    assert [page.stem for page in START] == ["codec", "generative", "restoration", "visual-regression"]
    readme = (ROOT / "README.md").read_text()
    for page in START:
        assert f"docs/start/{page.name}" in readme
        assert len(blocks(page)) >= 5
