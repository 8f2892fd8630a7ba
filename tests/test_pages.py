"""Every block of the pages does what the page says: commands run, and outputs are as shown.

A block ```sh is run by bash, a block ```python in one process for the page. A block that starts with `# file: NAME`
is written to that file instead. A block ```text is the output of the block before it; a line of it that ends with
` ...` shows the beginning of a line. A block ```toml is read. `page_files.py` makes the files that the pages name.

Two kinds of blocks are not run by this test. A block of installations, in which each line starts with `pip `, is run in a
new environment by another test below. A block that is indented by four spaces has measurements and exports, which take minutes to
days, or downloads: its programs and their options are checked. So are the commands in blocks of the README without a language.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from innersight.cli.app import app
from page_files import EXTRA_FILES, VARIABLES, lay_out

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
STARTS = sorted((DOCS / "start").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
TOLERANCE = 0.03  # of numbers, relative: decoders and runtimes differ a little
PROGRAMS = {"cjxl": "libjxl-tools", "avifenc": "libavif-bin", "cwebp": "webp"}
INSTALLING = ("index", "offline")
THOROUGH = {"weights"}  # offline.md has most of it


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each block with a language."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def installs(text: str) -> bool:
    return all(line.startswith("pip ") for line in text.splitlines())


def executed() -> Iterator[Any]:
    for page in PAGES:
        if blocks(page):
            marks = [pytest.mark.thorough] if page.stem in THOROUGH else []
            yield pytest.param(page, marks=marks, id=str(page.relative_to(ROOT).with_suffix("")))


def check_output(found: str, shown: str) -> None:
    """Compare words exactly, and numbers within the tolerance."""
    found, shown = (
        re.sub(r"^innersight \d[\d.]*", "innersight VERSION", each, flags=re.MULTILINE) for each in (found, shown)
    )
    lines = found.strip().splitlines()
    for number, line in enumerate(shown.strip().splitlines()):
        if line.endswith(" ...") and number < len(lines):
            lines[number] = lines[number][: len(line) - 4] + " ..."
    found = "\n".join(lines)
    assert NUMBER.sub("#", found).strip() == NUMBER.sub("#", shown).strip()
    numbers = [[float(text) for text in NUMBER.findall(each)] for each in (found, shown)]
    assert numbers[0] == pytest.approx(numbers[1], rel=TOLERANCE, abs=0.02)


def python_program(page: Path, folder: Path) -> str:
    """Return a program that runs all Python blocks: each after a line of input, with a line of marks after its output."""
    parts = [VARIABLES.get(page.stem, "")]
    for number, (language, text) in enumerate(blocks(page)):
        if language == "python" and not text.startswith("# file: "):
            parts.append("import sys as _sys; _sys.stdin.readline()\n")
            parts.append(f"{text}\nprint('<<{number}>>', flush=True)\n")
    (folder / "page.py").write_text("".join(parts))
    return str(folder / "page.py")


@pytest.mark.thorough
@pytest.mark.parametrize("page", list(executed()))
def test_every_block_runs_and_prints_what_is_shown(page: Path, tmp_path: Path) -> None:
    for program, package in PROGRAMS.items():
        if re.search(rf"\b{program} ", page.read_text()) and shutil.which(program) is None:
            pytest.skip(f"NOT RUN: {program} is not installed (Debian: {package})")
    if "import pyiqa" in page.read_text() and importlib.util.find_spec("pyiqa") is None:
        pytest.skip("NOT RUN: pyiqa is not installed (`make test` installs it)")
    if page.stem == "ray" and importlib.util.find_spec("ray") is None:
        pytest.skip("NOT RUN: ray is not installed (pip install '.[ray]')")
    lay_out(tmp_path)
    EXTRA_FILES.get(page.stem, lambda _: None)(tmp_path)
    environment = {
        **os.environ,
        "HOME": str(tmp_path / ".pages"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    run = subprocess.Popen(
        [sys.executable, python_program(page, tmp_path)],
        cwd=tmp_path, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    output = ""
    with run:
        for number, (language, text) in enumerate(blocks(page)):
            if text.startswith("# file: "):
                head, _, content = text.partition("\n")
                path = tmp_path / head.removeprefix("# file: ")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            elif language == "sh" and installs(text):
                continue
            elif language == "sh":
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", text],
                    cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900,
                )  # fmt: skip
                assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
                output = done.stdout
            elif language == "python":
                assert run.stdout is not None
                assert run.stdin is not None
                run.stdin.write("\n")
                run.stdin.flush()
                lines = []
                while (line := run.stdout.readline()) != f"<<{number}>>\n":
                    assert line, f"this block fails:\n{text}"
                    lines.append(line)
                output = "".join(lines)
            elif language == "text":
                check_output(output, text)
            elif language == "toml":
                assert tomllib.loads(text)
            else:
                raise AssertionError(f"a block of an unknown kind: {language}")
    assert run.returncode == 0


@pytest.mark.thorough
@pytest.mark.parametrize("name", INSTALLING)
def test_the_installations_of_a_page_work_in_a_new_environment(name: str, tmp_path: Path) -> None:
    page = DOCS / f"{name}.md"
    files = ("src", "pyproject.toml", "README.md", "LICENSE", "NOTICE")
    for file in files:
        source = ROOT / file
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / file)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "new"], check=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["PATH"] = f"{tmp_path / 'new' / 'bin'}:{environment['PATH']}"
    for language, text in blocks(page):
        if language == "sh" and installs(text):
            subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=tmp_path, env=environment, check=True)
    pair = [str(ROOT / "examples" / "photographs" / "cat.jpg")] * 2
    done = subprocess.run(["innersight", "score", *pair], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("0.000000 ")


def recorded_commands(page: Path) -> list[str]:
    """Return the commands in indented blocks, and in blocks of the README without a language."""
    text = page.read_text()
    every = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    fenced = [block for language, block in every if not language]
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    lines += [line.partition(" #")[0].strip() for block in fenced for line in block.splitlines()]
    commands = [re.sub(r"^([A-Z_]+=\S+ )+", "", line) for line in lines]
    return [
        line for line in commands if re.match(r"(innersight [a-z-]+( |$)|python |pytest |\.venv/bin/pytest )", line)
    ]


def with_siblings(script: Path) -> str:
    """Return the source of a script and of the modules beside it that it imports."""
    source = script.read_text()
    siblings = [script.parent / f"{name}.py" for name in re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE)]
    return "\n".join([source, *(path.read_text() for path in siblings if path.is_file())])


def test_commands_of_measurements_name_programs_and_options_that_exist() -> None:
    program: Any = get_command(app)
    seen = set()
    for page in PAGES:
        for line in recorded_commands(page):
            words = line.split()
            options = set(re.findall(r"(?<=[\s\[])--[a-z][a-z0-9-]*", line.partition(" -- ")[0]))
            if words[0] == "innersight":
                command = program.commands[words[1]]
                for word in words[2:]:
                    command = getattr(command, "commands", {}).get(word, command)
                known = {option for parameter in command.params for option in parameter.opts}
                assert options <= known, f"{page.name}: {line}"
            elif words[0] == "python" and not words[1].startswith("-"):
                source = with_siblings(ROOT / words[1])
                assert {option for option in options if f'"{option}"' not in source} == set(), f"{page.name}: {line}"
            elif words[0] != "python":
                assert (ROOT / words[1].partition("::")[0]).exists(), f"{page.name}: {line}"
            seen.add(words[0])
    assert seen == {"innersight", "python", "pytest", ".venv/bin/pytest"}


def test_every_block_of_a_document_is_of_a_kind_that_is_checked() -> None:
    for page in PAGES:
        plain = re.findall(r"^ *(?:```|~~~).*$", page.read_text(), re.MULTILINE)
        languages = plain[::2]
        assert set(plain[1::2]) <= {"```"}, page.name
        without = languages.count("```")
        assert without == {"README": without, "architecture": 1}.get(page.stem, 0), page.name  # its diagram of layers
        assert len(languages) - without == len(blocks(page)), page.name


def test_only_pages_whose_installations_are_tested_have_some() -> None:
    found = {page.stem for page in PAGES if any(language == "sh" and installs(text) for language, text in blocks(page))}
    assert found == set(INSTALLING)


def test_there_is_a_page_for_each_kind_of_user() -> None:
    assert [page.stem for page in STARTS] == ["codec", "generative", "restoration", "visual-regression"]
    readme = (ROOT / "README.md").read_text()
    for page in STARTS:
        assert f"docs/start/{page.name}" in readme
        assert len(blocks(page)) >= 5
