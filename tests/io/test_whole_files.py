"""A file has its old content or all of the new one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from innersight.errors import ArgumentError
from innersight.io.whole_files import write_file


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    for content in (b"a longer first content", b"second"):
        write_file(tmp_path / "a.json", content)
        assert (tmp_path / "a.json").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_write_that_fails_keeps_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "a.json", b"old")

    def fill(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(ArgumentError, match=r"^The file '.*a\.json' cannot be written: .*No space left on device"):
        write_file(tmp_path / "a.json", b"new content")
    assert (tmp_path / "a.json").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"none/a\.json' cannot be written: .*No such file"):
        write_file(tmp_path / "none" / "a.json", b"")


@pytest.mark.parametrize(
    "start", [ThreadPoolExecutor, partial(ProcessPoolExecutor, mp_context=multiprocessing.get_context("spawn"))]
)
def test_a_reader_sees_one_of_the_whole_contents_while_others_write(
    tmp_path: Path, start: Callable[[int], Executor]
) -> None:
    contents = [bytes([value]) * 200_000 for value in range(4)]
    write_file(tmp_path / "a", contents[0])
    with start(4) as pool:
        written = [pool.submit(write_file, tmp_path / "a", content) for content in contents * 20]
        while not all(future.done() for future in written):
            assert (tmp_path / "a").read_bytes() in contents
    assert all(future.exception() is None for future in written)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
