"""Files in any place that fsspec reads and writes: here the memory of the process and folders of this machine."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import fsspec.implementations.memory
import pytest

from innersight.distributed.storage import Folder, fetch, is_url
from innersight.errors import ArgumentError


@pytest.fixture(params=["memory", "file", "path"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    places = {
        "memory": f"memory://{uuid.uuid4().hex}/out",
        "file": f"file://{tmp_path}/out",
        "path": str(tmp_path / "out"),
    }
    return Folder(places[request.param])


def test_what_is_written_is_read_and_listed(folder: Folder, tmp_path: Path) -> None:
    assert folder.names() == set()
    folder.write("a.bin", b"one")
    (tmp_path / "source").write_bytes(b"two")
    folder.write("b.bin", tmp_path / "source")
    assert (folder.read("a.bin"), folder.read("b.bin")) == (b"one", b"two")
    folder.write("a.bin", b"three")
    assert folder.read("a.bin") == b"three"
    assert folder.names() == {"a.bin", "b.bin"}
    folder.remove(["a.bin"])
    assert folder.names() == {"b.bin"}


def test_a_file_that_is_not_there_is_an_error(folder: Folder) -> None:
    with pytest.raises(FileNotFoundError):
        folder.read("a.bin")


def test_a_write_that_fails_leaves_no_part_under_the_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArgumentError, match="cannot be written"):
        Folder(str(tmp_path / "file")).write("a.bin", b"one")


def test_names_are_joined_as_paths_and_urls(tmp_path: Path) -> None:
    assert Folder(str(tmp_path)).join("a/b.png") == f"{tmp_path}/a/b.png"
    assert Folder(str(tmp_path)).join("/c/b.png") == "/c/b.png"
    assert Folder(f"file://{tmp_path}").join("/c/b.png") == "/c/b.png"
    assert Folder("memory://x/y/").join("b.png") == "memory://x/y/b.png"
    assert Folder("memory://x").join("memory://z/b.png") == "memory://z/b.png"


def test_an_unknown_scheme_is_one_sentence() -> None:
    with pytest.raises(ArgumentError, match=r"'nothing://x' cannot be opened: .* Use a path, or a URL"):
        Folder("nothing://x")


def test_files_are_fetched_and_reasons_are_kept(tmp_path: Path) -> None:
    store = Folder(f"memory://{uuid.uuid4().hex}")
    store.write("a b.png", b"content")
    local = tmp_path / "local.png"
    local.write_bytes(b"here")
    (tmp_path / "copies").mkdir()
    places = [store.join("a b.png"), store.join("none.png"), str(local), store.join("a b.png")]
    files, errors = fetch(places, tmp_path / "copies")
    assert files[places[0]].read_bytes() == b"content"
    assert files[places[0]].suffix == ".png"
    assert files[places[2]] == local
    assert not files[places[1]].exists()
    assert errors == {places[1]: f"No such file: '{places[1]}'."}


def test_a_drive_letter_is_no_scheme() -> None:
    assert not is_url("C:/a.csv")
    assert is_url("s3://a/b.csv")


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "out"))
    with folder.locked(), pytest.raises(ArgumentError, match="is in use: one run at a time"), folder.locked():
        pass
    with folder.locked():
        pass
    with Folder("memory://out").locked(), Folder("memory://out").locked():
        pass  # a store without locks


def test_a_lock_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArgumentError, match=r"cannot be written: .* Check the path"),
        Folder(str(tmp_path / "file" / "out")).locked(),
    ):
        pass


def test_a_pipe_behind_a_file_url_is_an_error_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "copies").mkdir()
    place = f"file://{tmp_path}/pipe.png"
    files, errors = fetch([place], tmp_path / "copies")
    assert "is a pipe, a device or a socket" in errors[place]
    assert not files[place].exists()


def test_too_little_memory_ends_the_run_and_is_no_error_of_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no memory is left")

    monkeypatch.setattr(fsspec.implementations.memory.MemoryFileSystem, "get_file", fail)
    with pytest.raises(MemoryError, match="no memory is left"):
        fetch(["memory://x/a.png"], tmp_path)
