"""`innersight report`, and `--report` of batch, gate and bench: the page holds what the run found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFilter
from skimage import data
from tests.cli.conftest import Run


def content_of(path: Path) -> dict[str, Any]:
    """Return the data in a report."""
    found = re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    content: dict[str, Any] = json.loads(found[1])
    return content


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A folder with the pairs of list.csv: two blurs, two JPEG files and a missing file."""
    (tmp_path / "in").mkdir()
    photograph = Image.fromarray(data.coffee()).resize((150, 100))
    photograph.save(tmp_path / "in" / "ref.png")
    lines = ["reference,distorted,opinion,kind"]
    for radius in (1, 2):
        photograph.filter(ImageFilter.GaussianBlur(radius)).save(tmp_path / "in" / f"blur{radius}.png")
        lines.append(f"ref.png,blur{radius}.png,{4 - radius},blur")
    for quality in (10, 60):
        photograph.save(tmp_path / "in" / f"q{quality}.jpg", quality=quality)
        lines.append(f"ref.png,q{quality}.jpg,{quality / 20},jpeg")
    (tmp_path / "in" / "list.csv").write_text("\n".join([*lines, "ref.png,missing.png,1,blur"]) + "\n")
    return tmp_path


def test_batch_writes_a_report_of_the_pairs_it_scored(run_here: Run, listed: Path) -> None:
    done = run_here("batch", "in/list.csv", "--out", "scores.csv", "--report", "report.html")
    assert done.returncode == 1, done.stderr  # a pair could not be scored
    assert "report: report.html\n" in done.stdout
    content = content_of(listed / "report.html")
    assert content["title"] == "scores.csv"
    assert content["columns"]["distorted"] == ["blur1.png", "blur2.png", "q10.jpg", "q60.jpg", "missing.png"]
    assert content["scores"][0][4] is None
    assert "missing.png" in content["errors"][4]
    drawn = content["pairs"]
    assert [("error" in drawn[str(row)]) for row in range(5)] == [False] * 4 + [True]
    assert drawn["0"]["score"] == pytest.approx(content["scores"][0][0], rel=1e-4)
    assert content["notes"] == ["The images of 1 of 5 pairs cannot be shown. Open a pair to see the reason."]


def test_a_report_of_a_table_has_the_opinions_if_asked(run_here: Run, listed: Path) -> None:
    run_here("batch", "in/list.csv", "--out", "scores.csv", "--per-layer", "--quiet")
    done = run_here(
        "report", "scores.csv", "--out", "r.html", "--root", "in", "--opinion-direction", "higher-is-better",
        "--pairs", "2", "--title", "Two kinds", "--quiet",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    content = content_of(listed / "r.html")
    assert content["title"] == "Two kinds"
    assert len(content["pairs"]) == 2
    assert content["opinions"]["opinions"] == [3.0, 2.0, 0.5, 3.0, 1.0]
    assert content["opinions"]["kinds"] == ["blur", "blur", "jpeg", "jpeg", "blur"]
    assert len(content["opinions"]["metrics"]["lite"]["layers"]) == 6
    assert len(content["parts"][0][0]) == 6


def test_images_can_be_linked(run_here: Run, listed: Path) -> None:
    run_here("batch", "in/list.csv", "--out", "scores.csv", "--quiet")
    run_here("report", "scores.csv", "--out", "r.html", "--root", "in", "--link-images", "--quiet")
    assert content_of(listed / "r.html")["pairs"]["0"]["reference"]["source"] == "in/ref.png"


def test_the_scores_of_other_options_are_noticed(run_here: Run, listed: Path) -> None:
    run_here("batch", "in/list.csv", "--out", "scores.csv", "--crop-border", "10", "--quiet")
    done = run_here("report", "scores.csv", "--out", "r.html", "--root", "in", "--quiet")
    assert "The maps do not explain the scores of 4 of 5 pairs" in done.stderr
    done = run_here("report", "scores.csv", "--out", "r.html", "--root", "in", "--crop-border", "10", "--quiet")
    assert "do not explain" not in done.stderr


def test_a_report_of_folders_and_of_a_mask(run_here: Run, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    Image.fromarray(data.coffee()).resize((150, 100)).save(tmp_path / "a" / "one.png")
    Image.fromarray(data.coffee()).resize((150, 100)).save(tmp_path / "b" / "one.jpg", quality=20)
    Image.new("L", (150, 100), 255).save(tmp_path / "mask.png")
    done = run_here(
        "batch", "--reference-dir", "a", "--distorted-dir", "b", "--mask", "mask.png", "--out", "s.jsonl",
        "--report", "r.html",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    content = content_of(tmp_path / "r.html")
    assert content["pairs"]["0"]["score"] == pytest.approx(content["scores"][0][0], rel=1e-4)


def test_a_gate_shows_failing_cases_first(run_here: Run, tmp_path: Path) -> None:
    for folder in ("golden", "new"):
        (tmp_path / folder).mkdir()
        for name in ("home", "login"):
            Image.fromarray(data.coffee()).resize((150, 100)).save(tmp_path / folder / f"{name}.png")
    Image.fromarray(data.chelsea()).resize((150, 100)).save(tmp_path / "new" / "login.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "golden" / "search.png")
    folders = ("--reference-dir", "golden", "--distorted-dir", "new")
    done = run_here("gate", *folders, "--max", "5", "--report", "gate.html")
    assert done.returncode == 3
    assert done.stdout.splitlines()[-2:] == ["report: gate.html", "3 cases: 1 passed, 2 failed"]
    content = content_of(tmp_path / "gate.html")
    assert content["others"]["case"] == ["home", "login", "search"]
    assert content["others"]["result"] == ["passed", "failed", "failed"]
    assert content["others"]["limits"] == ["max 5"] * 3
    assert "above the limit 5" in content["others"]["reason"][1]
    assert sorted(content["pairs"]) == ["0", "1"]
    assert content["errors"][2] is not None


def test_bench_draws_the_scores_and_opinions_of_its_data_set(run_here: Run, listed: Path) -> None:
    (listed / "in" / "list.csv").write_text(
        (listed / "in" / "list.csv").read_text().replace("ref.png,missing.png,1,blur\n", "")
    )
    done = run_here(
        "bench", "in/list.csv", "--opinion-direction", "higher-is-better", "--out", "bench", "--metric", "psnr",
        "--metric", "lite", "--resamples", "20", "--per-layer", "--report", "bench.html", "--quiet",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = content_of(listed / "bench.html")
    assert [metric["name"] for metric in content["metrics"]] == ["psnr", "lite"]
    assert content["drawnBy"] == "lite"  # psnr has no map
    assert content["opinions"]["opinions"] == [3.0, 2.0, 0.5, 3.0]
    results = json.loads((listed / "bench" / "results.json").read_text())["outcomes"][0]["metrics"]
    for name in ("psnr", "lite"):
        assert content["opinions"]["metrics"][name]["statistics"]["srcc"] == results[name]["overall"]["srcc"]
    assert len(content["opinions"]["metrics"]["lite"]["layers"]) == 6
    assert content["opinions"]["metrics"]["psnr"]["layers"] == []


def test_bench_draws_the_agreement_of_choices(run_here: Run, listed: Path) -> None:
    (listed / "in" / "choices.csv").write_text(
        "reference,a,b,share_preferring_b\nref.png,blur1.png,blur2.png,0.1\nref.png,q10.jpg,q60.jpg,0.9\n"
        "ref.png,blur2.png,q60.jpg,0.8\n"
    )
    done = run_here("bench", "in/choices.csv", "--out", "bench", "--resamples", "20", "--report", "b.html", "--quiet")
    assert done.returncode == 0, done.stderr
    statistics = content_of(listed / "b.html")["opinions"]["metrics"]["lite"]["statistics"]
    results = json.loads((listed / "bench" / "results.json").read_text())["outcomes"][0]["metrics"]["lite"]
    assert statistics == {name: results[name] for name in ("agreement", "single_viewer", "majority")}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("report", "s.csv", "--out", "r.pdf"), "The name of a report must end in .html, but got 'r.pdf'."),
        (("report", "none.csv", "--out", "r.html"), "none.csv"),
        (("report", "s.csv", "--out", "r.html", "--opinion-direction", "up"), "--opinion-direction"),
        (
            ("report", "s.csv", "--out", "r.html", "--opinion-direction", "higher-is-better"),
            "Option --opinion must name a column of numbers, but 'opinion' does not exist. The columns are (kind).",
        ),
        (
            ("report", "s.csv", "--out", "r.html", "--opinion-direction", "higher-is-better", "--opinion", "kind"),
            "but 'kind' holds text",
        ),
        (("report", "s.csv", "--out", "r.html", "--metric", "psnr", "--metric", "lite"), "2 metrics were named"),
        (("batch", "s.csv", "--out", "o.csv", "--report", "r"), "must end in .html"),
        (("bench", "s.csv", "--out", "o", "--report", "r"), "must end in .html"),
        (("gate", "a.png", "b.png", "--max", "1", "--report", "no/r.html"), "does not exist"),
        (("gate", "--calibrate", "runs", "--report", "r.html"), "does not go with --report"),
    ],
)
def test_wrong_arguments_are_one_line_before_the_work(
    run_here: Run, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "s.csv").write_text("reference,distorted,kind,score\na.png,b.png,x,1\n")
    done = run_here(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "r.html").exists()
