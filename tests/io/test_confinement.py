"""Images of a list are in the root, also through links and `..`, and are regular files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from innersight.errors import ArgumentError
from innersight.io.confinement import Root, find_special


def test_paths_are_resolved_before_they_are_compared(tmp_path: Path) -> None:
    inner = tmp_path / "in"
    (inner / "deep").mkdir(parents=True)
    (tmp_path / "secret.png").touch()
    (inner / "a.png").touch()
    (inner / "out").symlink_to(tmp_path)
    (inner / "own").symlink_to(inner / "a.png")
    (tmp_path / "alias").symlink_to(inner)
    root = Root(str(tmp_path / "alias"))
    for allowed in ("a.png", "own", "deep/../a.png", "out/in/a.png", "not-there.png"):
        assert root.refusal(str(inner / allowed)) is None, allowed
    for refused in ("../secret.png", "out/secret.png", "deep/../../secret.png", "/etc/passwd", "../in-other/a.png"):
        assert root.refusal(str(inner / refused)) == f"'{inner / refused}' is outside the root '{inner}'"
    (inner / "loop").symlink_to(inner / "loop")
    assert root.refusal("s3://bucket/a.png") == f"'s3://bucket/a.png' is outside the root '{inner}'"
    assert root.refusal(f"file://{inner}/a.png") is not None
    assert Root(f"file://{inner}").refusal(str(inner / "a.png")) is None


@pytest.mark.parametrize(
    "place",
    [
        "s3://bucket/photos-2/a.png", "s3://bucket/photos/../a.png", "s3://bucket/photos/%2e%2e/a.png",
        "s3://bucket/photos/%252e%252e/a.png", "s3://bucket/photos/a::file:///etc/passwd", "gs://bucket/photos/a.png",
        "/etc/passwd", "file:///etc/passwd", "s3://bucket/photos/..\\a.png", "simplecache::s3://bucket/photos/a.png",
    ],
)  # fmt: skip
def test_urls_are_confined_by_their_prefix(place: str) -> None:
    root = Root("s3://bucket/photos/")
    assert root.refusal("s3://bucket/photos/a/b.png") is None
    assert root.refusal(place) == f"'{place}' is outside the root 's3://bucket/photos'"


@pytest.mark.parametrize("place", ["", "not-there", "s3://bucket/../a", "zip://a::/b"])
def test_a_root_is_a_folder_or_a_plain_url(place: str) -> None:
    with pytest.raises(ArgumentError, match="The root must be "):
        Root(place)


def test_pipes_and_devices_are_named_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "a.png").touch()
    for name in ("pipe", "link", "/dev/zero"):
        assert find_special([tmp_path / "a.png", tmp_path / name]) == (
            f"'{tmp_path / name}' is a pipe, a device or a socket, not a file. Name regular files in lists."
        )
    assert find_special([tmp_path / "a.png", tmp_path / "none", tmp_path]) is None
