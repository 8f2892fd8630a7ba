"""`innersight app` as a user runs it: it serves until Ctrl+C, opens the browser, or writes the page to a folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Run

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts `innersight app` with arguments. Its processes are ended after the test."""
    started = []

    def start_app(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [Path(sys.executable).parent / "innersight", "app", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
        )  # fmt: skip
        started.append(process)
        return process

    yield start_app
    for process in started:
        process.kill()
        process.communicate()


def address_of(process: subprocess.Popen[str]) -> str:
    """Return the address that the command prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Innersight is at (http://127\.0\.0\.1:\d+/) for this machine\. Ctrl\+C ends it\.\n", line)
    assert found, line
    return found[1]


def test_it_serves_the_page_until_ctrl_c(start: Start) -> None:
    process = start("--no-browser")
    with urllib.request.urlopen(address_of(process)) as answer:
        assert b"<title>Innersight" in answer.read()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output.strip(), errors) == (0, "", "")


@pytest.mark.thorough
def test_two_commands_have_different_ports_and_a_port_in_use_is_an_error(start: Start, run: Run) -> None:
    first, second = (address_of(start("--no-browser")) for _ in range(2))
    assert first != second
    port = first.rstrip("/").rpartition(":")[2]
    result = run("app", "--no-browser", "--port", port)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"innersight: Port {port} is in use. Use another --port, or 0 for any free one.\n"


def test_a_port_can_be_used_again_at_once(start: Start) -> None:
    process = start("--no-browser")
    address = address_of(process)
    urllib.request.urlopen(address).close()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    assert address_of(start("--no-browser", "--port", address.rstrip("/").rpartition(":")[2])) == address


def test_the_browser_of_the_user_is_opened(start: Start, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    address = address_of(start(BROWSER=str(browser)))
    end = time.monotonic() + 30
    while not (tmp_path / "opened").exists() or not (tmp_path / "opened").read_text():
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (tmp_path / "opened").read_text() == f"{address}\n"


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_does_not_exist_is_an_error(run_here: Run, port: str) -> None:
    result = run_here("app", "--no-browser", "--port", port)
    assert result.returncode == 2
    said = f"Argument `port` must be an integer from 0 to 65535, but got {port}."
    assert result.stderr == f"innersight: {said}\n"


def test_the_page_is_written_to_a_folder(run_here: Run, tmp_path: Path) -> None:
    result = run_here("app", "--out", "site")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "page: site. Any server of static files can serve this folder.\n"
    assert (tmp_path / "site" / "index.html").is_file()
    assert run_here("app", "--out", "site").stderr.startswith("innersight: The folder 'site' is not empty.")
    assert run_here("app", "--out", "site", "--overwrite").returncode == 0


def test_overwrite_needs_a_folder(run_here: Run) -> None:
    result = run_here("app", "--overwrite")
    assert (result.returncode, result.stderr) == (2, "innersight: Option --overwrite needs --out FOLDER.\n")
