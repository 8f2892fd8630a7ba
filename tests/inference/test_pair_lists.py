"""Lists of pairs are read row by row with all columns. A row that cannot be scored carries its error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from innersight.errors import ArgumentError
from innersight.inference.pair_lists import list_rows, open_list, pair_folders
from innersight.io.images import FORMATS


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_json_lines_and_parquet_give_the_same_rows_with_all_columns(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", 'reference,distorted,"note, long"\na.png,b.png,"x ""y"""\nü.png,c.png,\n')
    lines = write(
        tmp_path / "a.jsonl",
        '{"reference": "a.png", "distorted": "b.png", "note, long": "x \\"y\\""}\n\n'
        '{"reference": "ü.png", "distorted": "c.png", "note, long": ""}\n',
    )
    parquet.write_table(
        pyarrow.Table.from_pylist([row.values for row in open_list(lines).rows()]), columnar := tmp_path / "a.parquet"
    )
    for path in (table, lines, columnar):
        opened = open_list(path)
        rows = list(opened.rows())
        assert rows == list(opened.rows())
        assert rows[0].values == {"reference": "a.png", "distorted": "b.png", "note, long": 'x "y"'}
        assert opened.paths(rows[1]) == (tmp_path / "ü.png", tmp_path / "c.png")


def test_a_parquet_list_that_is_damaged_or_without_its_library_is_one_clear_error(tmp_path: Path, monkeypatch) -> None:
    path = write(tmp_path / "a.parquet", "PAR1 no more")
    with pytest.raises(ArgumentError, match=r"a\.parquet' cannot be read as parquet: "):
        open_list(path)
    monkeypatch.setattr("innersight.io.tables.importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"need pyarrow: pip install 'innersight\[parquet\]'"):
        open_list(path)


def test_the_names_of_the_two_columns_can_be_chosen(tmp_path: Path) -> None:
    opened = open_list(write(tmp_path / "a.csv", "ref,dis\na.png,b.png\n"), "ref", "dis")
    assert opened.paths(next(opened.rows())) == (tmp_path / "a.png", tmp_path / "b.png")


def test_the_digest_follows_the_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "reference,distorted\na.png,b.png\n")
    before = open_list(path).digest
    assert open_list(path).digest == before
    write(path, "reference,distorted\na.png,c.png\n")
    assert open_list(path).digest != before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "", r"one of \(\.csv, \.jsonl, \.parquet\), but got"),
        ("a.csv", "", "has no rows"),
        ("a.csv", "reference,distorted\n", "has no rows"),
        (
            "a.csv",
            "ref,distorted\na,b\n",
            r"line 2: no path in the column 'reference'\. The columns are \(ref, distorted\)\. Name the columns with",
        ),
        ("a.csv", "reference,distorted\na\n", "line 2: more or fewer cells than the 2 of the header"),
        ("a.csv", "reference,distorted\na,b,c\n", "line 2: more or fewer cells than the 2 of the header"),
        ("a.csv", "reference,distorted\n,b\n", "line 2: no path in the column 'reference'"),
        ("a.jsonl", "[1]\n", "line 1: the line must be a JSON object"),
        ("a.jsonl", '{"reference": 1, "distorted": "b"}\n', "line 1: no path in the column 'reference'"),
        ("a.jsonl", "{reference}\n", "cannot be read as jsonl"),
    ],
)
def test_a_list_without_a_row_that_can_be_scored_is_refused_with_the_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        open_list(write(tmp_path / name, text))


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="No such list"):
        open_list(tmp_path / "none.csv")


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

    def test_unmatched_and_ambiguous_names_are_listed_never_guessed(self, folders: tuple[Path, Path]) -> None:
        Image.new("RGB", (2, 2)).save(folders[0] / "alone.png")
        Image.new("RGB", (2, 2)).save(folders[1] / "a.png")
        with pytest.raises(ArgumentError) as error:
            pair_folders(*folders)
        assert f"ambiguous in '{folders[1]}': a.jpg, a.png" in str(error.value)
        assert f"in '{folders[0]}' but not in '{folders[1]}': alone.png" in str(error.value)

    def test_companion_files_of_macos_are_ignored_fault_16(self, folders: tuple[Path, Path]) -> None:
        for name in ("._a.png", "sub/._b.png", ".DS_Store"):
            (folders[0] / name).write_bytes(b"\0\5\26\7")
        assert len(list(pair_folders(*folders).rows())) == 2

    def test_an_image_in_another_format_is_not_left_out_silently_fault_16(self, folders: tuple[Path, Path]) -> None:
        for folder in folders:
            (folder / "c.HEIC").touch()
        with pytest.raises(ArgumentError) as error:
            pair_folders(*folders)
        for folder in folders:
            assert f"not in a supported format ({', '.join(FORMATS)}) in '{folder}': c.HEIC" in str(error.value)

    def test_missing_and_empty_folders(self, tmp_path: Path, folders: tuple[Path, Path]) -> None:
        with pytest.raises(ArgumentError, match="No such folder"):
            pair_folders(tmp_path / "none", folders[1])
        (tmp_path / "empty").mkdir()
        with pytest.raises(ArgumentError, match="holds no image"):
            pair_folders(folders[0], tmp_path / "empty")


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("a.csv", "a.png,b\0.png\n", "a path must not hold a NUL byte, but 'distorted' does. Correct that path."),
        ("a.csv", ",b.png\n", "no path in the column 'reference'. The columns are (reference, distorted)"),
        ("a.csv", "a.png\n", "more or fewer cells"),
        ("a.jsonl", '{"reference": "a.png", "distorted": NaN}\n', "numbers must be finite"),
        ("a.jsonl", '{"reference": "a.png"}\n', "no path in the column 'distorted'. The columns are (reference)"),
        ("a.jsonl", '{"reference": "a.png", "distorted": 5}\n', "no path in the column 'distorted'"),
        ("a.jsonl", '{"reference": "a\\u0000.png", "distorted": "b.png"}\n', "must not hold a NUL byte"),
        ("a.jsonl", "7\n", "must be a JSON object"),
    ],
)
def test_a_row_that_cannot_be_scored_carries_its_error_fault_33(tmp_path: Path, name: str, row: str, said: str) -> None:
    """Also if it is the first row."""
    head, good = ("reference,distorted\n", "a.png,b.png\n")
    if name.endswith("jsonl"):
        head, good = "", '{"reference": "a.png", "distorted": "b.png"}\n'
    opened = open_list(write(tmp_path / name, head + row + good + row + good))
    rows = list(opened.rows())
    assert [row.error is None for row in rows] == [False, True, False, True]
    assert said in str(rows[0].error)
    assert f"{name}', line {rows[0].number}: " in str(rows[0].error)
    assert opened.first == opened.paths(rows[3]) == (tmp_path / "a.png", tmp_path / "b.png")
    assert opened.columns == ("reference", "distorted")
    with pytest.raises(ArgumentError) as error:
        open_list(write(tmp_path / f"bad-{name}", head + row))
    assert said in str(error.value)


def test_a_list_in_memory_names_the_row_fault_33() -> None:
    pairs = list_rows([{"reference": "a", "distorted": ""}, {"reference": "a", "distorted": "b"}])
    assert [row.error is None for row in pairs.rows()] == [False, True]
    assert "Row 1: no path in the column 'distorted'. The columns are (reference, distorted)" in str(
        next(pairs.rows()).error
    )
    with pytest.raises(ArgumentError, match=r"The list has no rows\. Add at least one pair"):
        list_rows([])


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


def test_a_list_that_changes_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "reference,distorted\na,b\n")
    opened = open_list(path)
    opened.refuse_changed()
    write(path, "reference,distorted\nc,d\n")
    with pytest.raises(ArgumentError, match=r"a\.csv' changed while its pairs were scored\. Use --overwrite"):
        opened.refuse_changed()
