"""The number of threads follows the cores of this process and the usual environment variable."""

from __future__ import annotations

import os

import pytest

from innersight.inference.backend import cores


@pytest.mark.parametrize(("value", "expected"), [("3", 3), (" 5 ", 5), ("4,2", 4)])
def test_omp_num_threads_is_respected(monkeypatch: pytest.MonkeyPatch, value: str, expected: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert cores() == expected


@pytest.mark.parametrize("value", ["", "0", "-1", "many"])
def test_without_a_number_the_cores_that_the_process_may_use_are_counted(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5, 7}, raising=False)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores() == 6
