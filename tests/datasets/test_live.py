"""LIVE has 982 rows, of which 779 are distorted images. Each folder numbers its images from 1."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from innersight.datasets.live import COUNTS, KINDS, load
from innersight.errors import ArgumentError
from made_sets import LIVE_ROWS, make_live


def test_the_779_distorted_images_are_loaded_in_the_order_of_the_rows(tmp_path: Path) -> None:
    make_live(tmp_path, references=29, levels=9)
    found = load(tmp_path)
    assert sum(COUNTS.values()) == 982
    assert Counter(pair.kind for pair in found.pairs) == {
        kind: count - copies for kind, (count, copies) in LIVE_ROWS.items()
    }
    assert list(dict.fromkeys(pair.kind for pair in found.pairs)) == list(KINDS)
    assert found.summary == "live: 779 pairs (29 references); DMOS, lower is better"
    raw = loadmat(tmp_path / "dmos_realigned.mat")
    at = {pair.distorted: pair for pair in found.pairs}
    for path, row in (("jp2k/img1.bmp", 0), ("jpeg/img1.bmp", 227), ("gblur/img30.bmp", 227 + 233 + 174 + 29)):
        assert at[path].opinion == raw["dmos_new"][0, row]
        assert at[path].opinion_std == raw["dmos_std"][0, row]
        assert at[path].reference == "refimgs/ref01.bmp"


def test_copies_of_references_are_left_out_at_any_position(tmp_path: Path) -> None:
    make_live(tmp_path, references=1, levels=2)
    arrays = loadmat(tmp_path / "dmos_realigned.mat")
    arrays["orgs"][0, 0] = 1
    savemat(tmp_path / "dmos_realigned.mat", {name: arrays[name] for name in ("dmos_new", "dmos_std", "orgs")})
    assert [pair.distorted for pair in load(tmp_path).pairs if pair.kind == "jp2k"] == ["jp2k/img30.bmp"]


def test_a_part_in_png_files_without_one_distortion_type(tmp_path: Path) -> None:
    make_live(tmp_path, suffix=".png")
    (tmp_path / "jp2k").rename(tmp_path / "elsewhere")
    found = load(tmp_path)
    assert found.pairs[0].distorted == "jpeg/img1.png"
    assert found.summary == (
        "live: 8 of 779 pairs (2 of 29 references); DMOS, lower is better; images of 771 pairs are missing"
    )


@pytest.mark.parametrize("place", ["databaserelease2", ".", "databaserelease2/opinions"])
@pytest.mark.parametrize("doubled", [True, False])
def test_the_opinion_file_is_found_in_the_folder_its_parent_and_its_subfolders(
    tmp_path: Path, place: str, doubled: bool
) -> None:
    make_live(base := tmp_path / "databaserelease2")
    (tmp_path / place).mkdir(exist_ok=True)
    (base / "dmos_realigned.mat").rename(tmp_path / place / "DMOS_realigned.mat")
    found = load(tmp_path if doubled else base)
    assert (found.root, len(found.pairs)) == (base, 10)


def test_opinions_that_are_not_realigned_are_refused(tmp_path: Path) -> None:
    make_live(tmp_path)
    (tmp_path / "dmos_realigned.mat").rename(tmp_path / "dmos.mat")
    with pytest.raises(
        ArgumentError,
        match=r"not the realigned opinions, 'dmos_realigned\.mat'.*'dmos\.mat' of the archive is not used",
    ):
        load(tmp_path)


def test_missing_names_and_a_wrong_root_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ArgumentError, match=r"expected the folders \(refimgs, jp2k or jpeg or wn or gblur or fastfading\)"
    ):
        load(tmp_path)
    make_live(tmp_path)
    (tmp_path / "refnames_all.mat").unlink()
    with pytest.raises(ArgumentError, match=r"no 'refnames_all\.mat'"):
        load(tmp_path)


def test_files_with_other_content_are_refused(tmp_path: Path) -> None:
    make_live(tmp_path)
    path = tmp_path / "dmos_realigned.mat"
    savemat(path, {"dmos": np.zeros((1, 982))})
    with pytest.raises(ArgumentError, match="expected an array `dmos_new` of 982 values, but there is none"):
        load(tmp_path)
    savemat(path, {name: np.zeros((1, 981)) for name in ("dmos_new", "dmos_std", "orgs")})
    with pytest.raises(ArgumentError, match="expected an array `dmos_new` of 982 values, but it has 981"):
        load(tmp_path)
    savemat(path, {name: np.full((1, 982), np.nan) for name in ("dmos_new", "dmos_std", "orgs")})
    with pytest.raises(ArgumentError, match=r"dmos_realigned\.mat', row 1: `dmos_new` must be a finite number"):
        load(tmp_path)
    savemat(path, {"dmos_new": np.arange(982.0)[None]}, do_compression=True)
    whole = path.read_bytes()
    damaged = whole[:300] + bytes(byte ^ 255 for byte in whole[300:340]) + whole[340:]
    for content in (b"", b"no matlab file" * 100, damaged):
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match=r"dmos_realigned\.mat' cannot be read as a MATLAB file"):
            load(tmp_path)


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    make_live(tmp_path, images=lambda path: None)
    with pytest.raises(
        ArgumentError, match=r"No pair of LIVE has both images .* files such as 'ref01\.bmp' and 'jp2k/img1\.bmp'"
    ):
        load(tmp_path)
