"""Images of two folders pair by their relative path, never by a guess."""

from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from innersight.errors import ArgumentError
from innersight.inference.folders import match_folders, pair_folders
from innersight.io.images import ALL_FORMATS


class TestFolders:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        for folder, names in (("ref", ("a.png", "sub/b.png")), ("dis", ("a.jpg", "sub/b.webp"))):
            for name in names:
                (path := tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (2, 2)).save(path)
        (tmp_path / "dis" / "notes.txt").touch()
        return tmp_path / "ref", tmp_path / "dis"

    def test_names_pair_without_their_suffix(self, folders: tuple[Path, Path]) -> None:
        paired = pair_folders(*folders)
        assert [paired.paths(row) for row in paired.rows()] == [
            (folders[0] / "a.png", folders[1] / "a.jpg"),
            (folders[0] / "sub/b.png", folders[1] / "sub/b.webp"),
        ]

    def test_unmatched_names_are_listed_on_both_sides_never_guessed(self, folders: tuple[Path, Path]) -> None:
        for index in range(7):
            Image.new("RGB", (2, 2)).save(folders[0] / f"alone{index}.png")
        Image.new("RGB", (2, 2)).save(folders[1] / "sub" / "new.png")
        with pytest.raises(ArgumentError) as error:
            pair_folders(*folders)
        alone = ", ".join(f"alone{index}.png" for index in range(5))
        assert f"in '{folders[0]}' but not in '{folders[1]}': {alone} and 2 more" in str(error.value)
        assert f"in '{folders[1]}' but not in '{folders[0]}': sub/new.png" in str(error.value)

    def test_two_images_of_one_name_are_named(self, folders: tuple[Path, Path]) -> None:
        Image.new("RGB", (2, 2)).save(folders[1] / "sub" / "b.png")
        with pytest.raises(ArgumentError, match=r"ambiguous in '.*dis': sub/b\.png, sub/b\.webp"):
            match_folders(*folders)

    @pytest.mark.parametrize("suffix", [".PNG", ".Jxl", ".avif", ".jp2", ".ppm", ".gif", ".jpeg"])
    def test_suffixes_of_all_formats_pair_in_any_case(self, folders: tuple[Path, Path], suffix: str) -> None:
        for folder, end in zip(folders, (".png", suffix), strict=True):
            (folder / f"c{end}").touch()
        assert match_folders(*folders).pairs["c"][1].suffix == suffix

    def test_a_decomposed_name_pairs_with_the_composed_one(self, folders: tuple[Path, Path]) -> None:
        for folder, form in zip(folders, ("NFC", "NFD"), strict=True):
            (folder / unicodedata.normalize("NFC", "größe")).mkdir(exist_ok=True)
            (folder / unicodedata.normalize(form, "größe")).mkdir(exist_ok=True)
            (folder / unicodedata.normalize(form, "größe/é.png")).touch()
        assert unicodedata.normalize("NFC", "größe/é") in match_folders(*folders).pairs

    def test_names_that_differ_in_case_pair_only_if_there_is_no_other(self, folders: tuple[Path, Path]) -> None:
        for folder, name in zip(folders, ("Logo.png", "logo.png"), strict=True):
            (folder / name).touch()
        assert match_folders(*folders).pairs["Logo"] == (folders[0] / "Logo.png", folders[1] / "logo.png")
        (folders[0] / "LOGO.png").touch()
        found = match_folders(*folders)
        assert sorted(found.only_reference) == ["LOGO", "Logo"]
        assert list(found.only_distorted) == ["logo"]

    def test_hidden_folders_are_ignored_fault_16(self, folders: tuple[Path, Path]) -> None:
        (folders[0] / ".cache").mkdir()
        (folders[0] / ".cache" / "x.png").touch()
        assert list(match_folders(*folders).pairs) == ["a", "sub/b"]

    def test_companion_files_of_macos_are_ignored_fault_16(self, folders: tuple[Path, Path]) -> None:
        for name in ("._a.png", "sub/._b.png", ".DS_Store"):
            (folders[0] / name).write_bytes(b"\0\5\26\7")
        assert len(list(pair_folders(*folders).rows())) == 2

    def test_an_image_in_another_format_is_not_left_out_silently_fault_16(self, folders: tuple[Path, Path]) -> None:
        for folder in folders:
            (folder / "c.PSD").touch()
        with pytest.raises(ArgumentError) as error:
            pair_folders(*folders)
        for folder in folders:
            assert f"not in a supported format ({ALL_FORMATS}) in '{folder}': c.PSD" in str(error.value)

    def test_missing_and_empty_folders(self, tmp_path: Path, folders: tuple[Path, Path]) -> None:
        with pytest.raises(ArgumentError, match="No such folder"):
            pair_folders(tmp_path / "none", folders[1])
        with pytest.raises(ArgumentError, match=r"The folder '.*' cannot be read: File name too long\."):
            pair_folders(tmp_path / ("x" * 300), folders[1])
        (tmp_path / "empty").mkdir()
        with pytest.raises(ArgumentError, match="holds no image"):
            pair_folders(folders[0], tmp_path / "empty")


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names are Unicode on this system")
def test_a_file_name_that_is_not_utf_8_is_the_error_of_its_row_fault_20(tmp_path: Path) -> None:
    for folder in ("ref", "dis"):
        (tmp_path / folder).mkdir()
        for name in (b"\xff.png", b"b.png"):
            (tmp_path / folder / os.fsdecode(name)).touch()
    good, bad = pair_folders(tmp_path / "ref", tmp_path / "dis").rows()
    assert good.error is None
    assert "Row 2: text must be valid UTF-8, but column 'reference' holds" in str(bad.error)
    assert str(bad.values["reference"]).endswith(r"\udcff.png")
