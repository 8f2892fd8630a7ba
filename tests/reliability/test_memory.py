"""A process without memory ends with one line, or is killed; both runs resume. The workers are threads of the process."""

from __future__ import annotations

import re
import signal

import pytest
from tests.reliability.conftest import Faulty, one_line

resource = pytest.importorskip("resource")

_LOADER = 127
"""The status with which the loader of the C library ends a process that has no memory for the data of a thread."""


_EXTRACTOR = "innersight.inference.extractor"


def before_call(number: int, module: str, name: str, statement: str) -> str:
    """Return code after which the call with this number of the function `module.name` runs a statement first."""
    place = f"{module}.{name}"
    return (
        f"import os, signal, {module}\n"
        f"real, calls = {place}, [0]\n"
        "def patched(*a, **k):\n"
        "    calls[0] += 1\n"
        f"    if calls[0] == {number}: {statement}\n"
        "    return real(*a, **k)\n"
        f"{place} = patched"
    )


@pytest.mark.thorough
def test_memory_that_runs_out_during_the_run_is_one_line_and_the_run_resumes(faulty: Faulty) -> None:
    """From its fifth extraction on, the process gets no more address space."""
    code = (
        "import pathlib, resource, innersight.inference.extractor as e\n"
        "real, calls = e.FeatureExtractor.extract, [0]\n"
        "def limited(*a, **k):\n"
        "    calls[0] += 1\n"
        "    if calls[0] == 5: resource.setrlimit(resource.RLIMIT_AS, (1, 1))\n"
        "    found, held = real(*a, **k), bytearray(64 << 20)\n"
        "    return found\n"
        "e.FeatureExtractor.extract = limited"
    )
    status, errors = faulty.run_with(code, "--out", "scores.csv", "--workers", "1")
    assert status == 2
    one_line(errors)
    assert "memory of this machine does not suffice" in errors
    faulty.resumes("scores.csv")


@pytest.mark.thorough
def test_too_little_memory_from_the_start_is_no_traceback_and_the_run_resumes(faulty: Faulty) -> None:
    """ONNX Runtime can add lines of its own log, and can end the process by itself (SIGABRT, SIGSEGV)."""
    found = set()
    for megabytes in range(180, 400, 20):
        limit = megabytes << 20
        status, errors = faulty.run(
            "--out",
            "scores.csv",
            "--resume",
            before=lambda limit=limit: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),  # type: ignore[misc]
        )
        found.add(status)
        assert status in (0, 2, _LOADER, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS), (megabytes, errors)
        assert "Traceback" not in errors, (megabytes, errors)
        if status == 2:
            assert "\ninnersight: " in f"\n{errors}", (megabytes, errors)
    assert 2 in found  # some limit is too small
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("MemoryError", r"memory of this machine does not suffice \(too little memory to read '.*\.(png|jpg)'\)"),
        ("OSError(24, 'Too many open files')", "A file cannot be read or written: Too many open files"),
    ],
)
def test_memory_or_files_that_an_image_lacks_are_one_line_and_the_run_resumes(
    faulty: Faulty, error: str, said: str
) -> None:
    """Neither is the fault of the image, and so neither becomes the error of a row."""
    code = before_call(7, "innersight.io.images", "check_complete", f"raise {error}")
    status, errors = faulty.run_with(code, "--out", "scores.csv")
    assert status == 2
    one_line(errors)
    assert re.search(said, errors)
    assert not (faulty.folder / "scores.csv").exists()
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize("said", ["can't start new thread", "can't allocate lock", "can't allocate read lock"])
def test_a_thread_that_the_system_refuses_is_one_line_and_the_run_resumes(faulty: Faulty, said: str) -> None:
    """Python raises a RuntimeError for a thread, and for the lock of a file that it opens."""
    code = (
        "import threading, innersight.inference.planner as planner\n"
        "real = planner.ThreadPoolExecutor\n"
        f'def refused(*a): raise RuntimeError("{said}")\n'
        "def pool(*a, **k):\n"
        "    threading._start_new_thread = refused\n"
        "    return real(*a, **k)\n"
        "planner.ThreadPoolExecutor = pool"
    )
    status, errors = faulty.run_with(code, "--out", "scores.csv")
    assert status == 2
    one_line(errors)
    assert f"refuses a thread or memory ({said}). Free memory, raise the limit of processes (ulimit -u)" in errors
    faulty.resumes("scores.csv")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["compare", "extract"])
def test_a_memory_error_of_a_worker_is_one_line_and_the_run_resumes(faulty: Faulty, name: str) -> None:
    code = before_call(4, _EXTRACTOR, f"FeatureExtractor.{name}", "raise MemoryError('no memory is left')")
    status, errors = faulty.run_with(code, "--out", "scores.csv")
    assert status == 2
    one_line(errors)
    assert "--resume" in errors
    assert not (faulty.folder / "scores.csv").exists()
    faulty.resumes("scores.csv")


@pytest.mark.thorough
def test_a_worker_that_the_out_of_memory_killer_ends_takes_the_process_along_and_the_run_resumes(
    faulty: Faulty,
) -> None:
    code = before_call(6, _EXTRACTOR, "FeatureExtractor.compare", "os.kill(os.getpid(), signal.SIGKILL)")
    assert faulty.run_with(code, "--out", "scores.csv", "--batch-size", "1") == (-signal.SIGKILL, "")
    assert not (faulty.folder / "scores.csv").exists()
    faulty.resumes("scores.csv")
