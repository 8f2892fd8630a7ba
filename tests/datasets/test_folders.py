"""Files are found in any case. Errors state what was expected and what was found."""

from __future__ import annotations

from pathlib import Path

import pytest

from innersight.datasets.dataset import RatedPair
from innersight.datasets.folders import (
    Images,
    find_file,
    find_layout,
    index_images,
    match_images,
    require_opinions,
    subfolders,
)
from innersight.errors import ArgumentError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def find(root: Path) -> Path:
    return find_layout("SET", root, [("refs",), ("dist*", "images")], "mos.txt")


class TestImages:
    def test_files_are_found_in_any_case_and_returned_in_the_case_on_disk(self, tmp_path: Path) -> None:
        touch(tmp_path / "Refs" / "I01.BMP")
        assert index_images(tmp_path, ("refs",)).find("i01.bmp") == "Refs/I01.BMP"

    def test_png_replaces_bmp_only_if_there_is_no_bmp(self, tmp_path: Path) -> None:
        touch(tmp_path / "refs" / "a.png", tmp_path / "refs" / "b.png", tmp_path / "refs" / "b.bmp")
        images = index_images(tmp_path, ("refs",))
        assert [images.find(name) for name in ("a.bmp", "b.bmp", "b.png", "c.bmp")] == [
            "refs/a.png", "refs/b.bmp", "refs/b.png", None,
        ]  # fmt: skip
        assert index_images(tmp_path, ("refs",)).find("a.jpg") is None

    def test_subfolders_are_indexed_and_other_folders_are_not(self, tmp_path: Path) -> None:
        touch(tmp_path / "dist_1" / "dist_1" / "a.png", tmp_path / "dist_2" / "b.png", tmp_path / "other" / "c.png")
        images = index_images(tmp_path, ("dist*",))
        assert [images.find(name) for name in ("a.png", "b.png", "c.png")] == [
            "dist_1/dist_1/a.png",
            "dist_2/b.png",
            None,
        ]

    def test_a_name_in_two_folders_is_found_with_its_folder(self, tmp_path: Path) -> None:
        touch(tmp_path / "wn" / "img1.bmp", tmp_path / "JPEG" / "img1.png")
        images = index_images(tmp_path, ("jpeg", "wn"))
        assert images.find("wn/img1.bmp") == "wn/img1.bmp"
        assert images.find("jpeg/img1.bmp") == "JPEG/img1.png"


class TestLayout:
    def test_the_root_or_one_of_its_subfolders(self, tmp_path: Path) -> None:
        touch(tmp_path / "set" / "Refs" / "x", tmp_path / "set" / "Distorted" / "x")
        assert find(tmp_path) == find(tmp_path / "set") == tmp_path / "set"

    def test_two_copies_are_refused(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            touch(tmp_path / name / "refs" / "x", tmp_path / name / "images" / "x")
        with pytest.raises(ArgumentError, match=r"contains SET more than once: in one, two\. Pass one"):
            find(tmp_path)

    def test_the_error_of_a_wrong_root_states_what_was_expected_and_found(self, tmp_path: Path) -> None:
        touch(*(tmp_path / "refs" / str(number) for number in range(2)), *(tmp_path / f"f{n}" for n in range(9)))
        with pytest.raises(ArgumentError) as error:
            find(tmp_path)
        assert str(error.value) == (
            f"'{tmp_path}' does not contain SET: expected the folders (refs, dist* or images) and the file 'mos.txt' in it "
            "or in one of its subfolders, but found (f0, f1, f2, f3, f4, f5, f6, f7, and 2 more). "
            "Pass the folder that contains them as `root`."
        )

    def test_a_missing_root_and_a_file_as_root_are_refused(self, tmp_path: Path) -> None:
        touch(tmp_path / "file")
        with pytest.raises(
            ArgumentError, match=r"with the folders \(refs, .* and the file 'mos\.txt', .*no such folder"
        ):
            find(tmp_path / "none")
        with pytest.raises(ArgumentError, match="it is a file"):
            find(tmp_path / "file")

    def test_a_folder_without_read_permission_is_skipped(self, tmp_path: Path, monkeypatch) -> None:
        def refuse(path: Path) -> None:
            raise PermissionError

        monkeypatch.setattr(Path, "iterdir", refuse)
        assert subfolders(tmp_path) == []
        assert find_file(tmp_path, "a") is None


class TestFiles:
    def test_an_opinion_file_is_found_in_any_case(self, tmp_path: Path) -> None:
        touch(tmp_path / "Mos.TXT")
        assert find_file(tmp_path, "mos.txt") == require_opinions("SET", tmp_path, "mos.txt") == tmp_path / "Mos.TXT"

    def test_a_missing_opinion_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ArgumentError, match=r"contains the images of SET, but not their opinions, 'mos\.txt'"):
            require_opinions("SET", tmp_path, "mos.txt")


class TestMatching:
    def test_pairs_with_both_images_are_kept_with_their_paths_on_disk(self) -> None:
        references, distorted = Images({"a.png": "r/A.png"}), Images({"x.png": "d/X.png", "y.png": "d/y.png"})
        listed = [
            RatedPair("a.bmp", "x.bmp", 1.0, 0.5),
            RatedPair("b.bmp", "y.bmp", 2.0),
            RatedPair("a.bmp", "z.bmp", 3.0),
        ]
        assert match_images("SET", Path(), listed, references, distorted) == (
            RatedPair("r/A.png", "d/X.png", 1.0, 0.5),
        )

    def test_no_pair_at_all_is_refused(self) -> None:
        with pytest.raises(
            ArgumentError, match=r"No pair of SET has both images .* files such as 'a\.bmp' and 'x\.bmp'"
        ):
            match_images("SET", Path(), [RatedPair("a.bmp", "x.bmp", 1.0)], Images({}), Images({}))
        with pytest.raises(ArgumentError, match="lists no images"):
            match_images("SET", Path(), [], Images({}), Images({}))
