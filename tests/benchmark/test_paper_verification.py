"""The comparison with the paper, on stand-in weights and made data sets, and on real PSNR and FSIM where data is available."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from innersight.benchmark.paper_verification import CLAIMS, Check, verify_paper
from innersight.datasets.registry import open_dataset
from innersight.errors import ArgumentError
from made_sets import make_live, make_pipal, make_tid2013
from standins import image_pair, write_weights

MAKERS = {"live": make_live, "tid2013": make_tid2013, "pipal": make_pipal}
SPEC = {  # the table of the paper: SRCC on LIVE, TID2013 and PIPAL
    "dinov1_l2": (0.964, 0.792, 0.639),
    "dinov1_cos": (0.965, 0.786, 0.637),
    "dinov1_wsd": (0.965, 0.765, 0.641),
    "clip_vitb32_l2": (0.968, 0.793, 0.619),
    "clip_vitb32_cos": (0.965, 0.758, 0.623),
    "embed_clip_vitb32_cos": (0.936, 0.693, 0.531),
    "psnr": (0.873, 0.687, 0.407),
    "fsim": (0.965, 0.851, 0.589),
}


def drawing(size: int) -> Callable[[Path], None]:
    """Return a function that draws an image: the same for each reference, and a distorted copy for any other name."""

    def draw(path: Path) -> None:
        reference, distorted = (image.astype(float) for image in image_pair(size, size, 1))
        drawn = zlib.crc32(f"{path.parent.name}/{path.stem}".encode()) % 96 + 1
        share = 0.0 if "ref" in path.parent.name.lower() else drawn / 97
        Image.fromarray((reference + share * (distorted - reference)).round().astype(np.uint8)).save(path)

    return draw


def write_published(scored: Path, file: Path, dataset: str, change: float = 0.0) -> None:
    """Write computed scores in the form of the published files, all rows in their order, with the first score changed."""
    rows = list(csv.DictReader(scored.open()))
    ours = {row["distorted"].lower().rsplit(".", 1)[0]: float(row["score"]) for row in rows}
    if dataset == "live":
        from innersight.benchmark.paper_verification import _LIVE_BLOCKS

        names = [f"{kind}/img{number}" for kind, count in _LIVE_BLOCKS for number in range(1, count + 1)]
    else:
        names = list(ours)
    lines = ["dis,ref,mos,pred"]
    for index, name in enumerate(names):
        value = ours.get(name, 1.0)
        lines.append(f"{name.split('/')[-1]}.bmp,x.bmp,1,{value * (1 + (change if index == 0 else 0))!r}")
    file.write_text("\n".join(lines) + "\n")


def test_the_claims_are_those_of_the_paper() -> None:
    assert {name: tuple(claim.srcc.values()) for name, claim in CLAIMS.items() if claim.srcc} == SPEC


@pytest.mark.parametrize("name", MAKERS)
def test_scores_are_compared_one_by_one_in_each_layout(name: str, tmp_path: Path) -> None:
    MAKERS[name](tmp_path / "set", drawing(48), references=1)
    dataset = open_dataset(name, tmp_path / "set")
    (first,) = verify_paper([dataset], tmp_path / "out", only=["psnr"])
    assert first.verdict == "not checked: the data set is not complete, and there are no published scores of its pairs"
    published = tmp_path / "published"
    published.mkdir()
    for change, verdict in ((0.0, "agrees"), (0.01, "differs")):
        write_published(tmp_path / "out" / name / "psnr_none.csv", published / f"{name}_psnr.csv", name, change)
        (check,) = verify_paper([dataset], tmp_path / "out", published=published, only=["psnr"], resume=True)
        assert check.pairs == len(dataset.pairs) >= 5
        assert check.compared == check.pairs
        assert check.equal == check.compared - (verdict == "differs")
        assert check.verdict == verdict


@pytest.mark.thorough
def test_the_networks_run_on_stand_in_weights_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for timm_name in ("vit_base_patch16_224.dino", "vit_base_patch32_clip_quickgelu_224.openai"):
        write_weights(timm_name, tmp_path)
    monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path))
    only = [name for name in SPEC if name not in ("psnr", "fsim")]
    datasets = []
    for name, make in MAKERS.items():
        make(
            tmp_path / name, drawing(224), references=1, levels=2 if name == "live" else 1
        )  # else all opinions are equal
        datasets.append(open_dataset(name, tmp_path / name))
    checks = verify_paper(datasets, tmp_path / "out", only=only)
    assert {(check.dataset, check.claim) for check in checks} == {(name, claim) for name in MAKERS for claim in only}
    for check in checks:
        assert check.reason is None
        assert check.pairs == {"live": 10, "tid2013": 24, "pipal": 7}[check.dataset]
        assert check.srcc is not None
        assert check.srcc_published == SPEC[check.claim][list(MAKERS).index(check.dataset)]


def test_a_network_without_weights_is_a_check_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNERSIGHT_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    make_tid2013(tmp_path / "set", drawing(48), references=1)
    network, psnr = verify_paper(
        [open_dataset("tid2013", tmp_path / "set")], tmp_path / "out", only=["dinov1_l2", "psnr"]
    )
    assert network.verdict.startswith("not checked: The weights of dinov1-vitb16")
    assert psnr.srcc is not None


def test_a_complete_data_set_is_compared_with_the_published_srcc_and_scores() -> None:
    whole = {"dataset": "live", "claim": "psnr", "pairs": 779, "of": 779, "srcc_published": 0.873}
    assert Check(**whole, srcc=0.8734).verdict == "agrees"
    assert Check(**whole, srcc=0.8742).verdict == "differs"
    assert Check(**whole, srcc=0.8734, equal=778, compared=779).verdict == "differs"


def test_wrong_names_folders_and_files_are_refused(tmp_path: Path) -> None:
    make_tid2013(tmp_path / "set", drawing(48), references=1)
    dataset = open_dataset("tid2013", tmp_path / "set")
    with pytest.raises(ArgumentError, match="Argument `only` must be one of"):
        verify_paper([dataset], tmp_path / "out", only=["dinov3"])
    with pytest.raises(ArgumentError, match="There is no folder 'nowhere' of published scores"):
        verify_paper([dataset], tmp_path / "out", published=Path("nowhere"), only=["psnr"])
    (tmp_path / "tid2013_psnr.csv").write_text("dis,score\na.bmp,1\n")
    with pytest.raises(ArgumentError, match="line 2: the columns must be dis, an image, and pred, a number"):
        verify_paper([dataset], tmp_path / "out", published=tmp_path, only=["psnr"])


@pytest.mark.thorough
def test_every_published_psnr_of_the_tid2013_part_is_reproduced_perturbed_or_not(shared: Path, tmp_path: Path) -> None:
    dataset = open_dataset("tid2013", shared / "data" / "tid2013")
    checks = verify_paper([dataset], tmp_path, published=shared / "data" / "published", only=["psnr"])
    assert [check.claim for check in checks] == ["psnr", "psnr_tra-1", "psnr_sca-1", "psnr_rot-1"]
    for check in checks:
        assert (check.equal, check.compared, check.verdict) == (310, 310, "agrees")
        assert check.srcc == pytest.approx(check.srcc_of_published_scores, abs=1e-6)


@pytest.mark.thorough
def test_every_published_fsim_of_the_tid2013_part_is_reproduced(shared: Path, tmp_path: Path) -> None:
    dataset = open_dataset("tid2013", shared / "data" / "tid2013")
    (check,) = verify_paper([dataset], tmp_path, published=shared / "data" / "published", only=["fsim"])
    assert (check.equal, check.compared, check.verdict) == (310, 310, "agrees")
