from __future__ import annotations

import math
from pathlib import Path
from urllib.error import URLError

import piq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from innersight.errors import ArgumentError, ImageError, WeightsError
from innersight.inference.planner import score_pairs
from innersight.io.images import read_image
from innersight.metrics.external import RIVALS, create_rival
from standins import tensor_pair

UNTRAINED = [name for name, entry in RIVALS.items() if not entry.trained]


@settings(max_examples=20)
@given(st.integers(1, 254), st.integers(1, 254))
def test_psnr_of_two_grey_images_is_that_of_its_formula(one: int, other: int) -> None:
    psnr = create_rival("psnr")
    r, d = (psnr.look(torch.full((1, 3, 8, 8), value / 255)) for value in (one, other))
    assert psnr.compare(r, d).item() == pytest.approx(-10 * math.log10(((one - other) / 255) ** 2 + 1e-8), abs=1e-3)


@pytest.mark.parametrize("name", UNTRAINED)
def test_more_distortion_scores_worse_in_the_stated_direction_and_identity_best(name: str) -> None:
    reference, distorted = tensor_pair(192, 192, 3)
    rival = create_rival(name)
    steps = [reference + (distorted - reference) * share for share in (0.0, 0.3, 0.6, 1.0)]
    seen = rival.look(reference)
    scores = [rival.compare(seen, rival.look(image)).item() for image in steps]
    assert scores == sorted(scores, reverse=rival.higher_is_better)
    assert len(set(scores)) == 4


@pytest.mark.parametrize("name", UNTRAINED)
def test_one_reference_serves_a_batch_which_scores_as_its_images_do(name: str) -> None:
    reference, distorted = tensor_pair(192, 200, 4)
    rival = create_rival(name)
    many = torch.cat([distorted, reference, (reference + distorted) / 2])
    together = rival.compare(rival.look(reference), rival.look(many))
    alone = [rival.compare(rival.look(reference), rival.look(image[None])).item() for image in many]
    assert together.tolist() == pytest.approx(alone, abs=1e-5)


def test_scores_are_the_librarys_own_with_the_reference_on_its_place() -> None:
    reference, distorted = tensor_pair(192, 192, 5)
    rival = create_rival("vsi")
    assert rival.compare(rival.look(reference), rival.look(distorted)).item() == piq.vsi(distorted, reference).item()


def test_images_that_a_library_refuses_are_an_image_error_with_their_size() -> None:
    rival = create_rival("ms-ssim")
    seen = rival.look(torch.rand(1, 3, 64, 80))
    with pytest.raises(ImageError, match=r"ms-ssim of piq .* can't score images of 64 x 80 \(height x width\)"):
        rival.compare(seen, seen)


def test_an_unknown_rival_and_a_missing_library_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match=r"Argument `rival` must be one of .* but got 'fsimc'. Did you mean fsim"):
        create_rival("fsimc")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"The metric 'vsi' needs piq: pip install 'innersight\[baselines\]'"):
        create_rival("vsi")


@pytest.mark.parametrize("name", ["lpips", "dists"])
def test_weights_that_cannot_be_fetched_are_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)
    with pytest.raises(WeightsError, match=f"The weights of '{name}', which piq downloads, can't be had: .*no route"):
        create_rival(name)


def test_the_engine_scores_rivals_as_images_by_hand(tmp_path: Path) -> None:
    from PIL import Image

    reference, distorted = tensor_pair(192, 192, 6)
    for file, image in (("r.png", reference), ("d.png", distorted)):
        Image.fromarray((image[0] * 255).round().byte().permute(1, 2, 0).numpy()).save(tmp_path / file)
    rivals = {name: create_rival(name) for name in ("ssim", "gmsd")}
    (result,) = score_pairs([(tmp_path / "r.png", tmp_path / "d.png")], rivals)
    r, d = (read_image(tmp_path / file)[None] for file in ("r.png", "d.png"))
    assert result.scores["ssim"] == pytest.approx(piq.ssim(d, r).item(), abs=1e-6)
    assert result.scores["gmsd"] == pytest.approx(piq.gmsd(d, r).item(), abs=1e-6)
