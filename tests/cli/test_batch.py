"""`innersight batch`: lists, folders, metrics, interrupted runs and exit statuses."""

from __future__ import annotations

import csv
import datetime
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from skimage import data
from tests.cli.conftest import Run

import innersight


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A folder with list.csv: 40 pairs of one reference, and a further column."""
    image = Image.fromarray(data.coffee())
    image.save(tmp_path / "ref.png")
    lines = ["reference,distorted,kind"]
    for index in range(40):
        image.save(tmp_path / f"{index}.jpg", quality=5 + 2 * index)
        lines.append(f"ref.png,{index}.jpg,jpeg")
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_in_order_with_all_columns_and_scores_rise_as_quality_falls(run: Run, listed: Path) -> None:
    result = run("batch", "list.csv", "--out", "scores.csv")
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"40 rows, 0 with an error: scores\.csv \(onnxruntime [\d.]+\)\n", result.stdout)
    rows = rows_of(listed / "scores.csv")
    assert [row["distorted"] for row in rows] == [f"{index}.jpg" for index in range(40)]
    assert all(row["kind"] == "jpeg" and row["error"] == "" for row in rows)
    assert float(rows[0]["score"]) > float(rows[10]["score"]) > float(rows[39]["score"]) > 0
    expected = innersight.score(listed / "ref.png", listed / "7.jpg")
    assert float(rows[7]["score"]) == pytest.approx(expected, rel=1e-5)


def test_a_killed_run_resumes_to_the_file_of_an_uninterrupted_one(run: Run, listed: Path) -> None:
    header, *rows = (listed / "list.csv").read_text().splitlines()
    (listed / "long.csv").write_text(
        "\n".join([header, *rows * 3]) + "\n"
    )  # so long that the signal comes before its end
    assert run("batch", "long.csv", "--out", "whole.csv", "--quiet").returncode == 0
    command = [Path(sys.executable).parent / "innersight", "batch", "long.csv", "--out", "scores.csv"]
    for signal_number in (signal.SIGKILL, signal.SIGINT):
        process = subprocess.Popen(
            [*command, "--resume"],
            cwd=listed,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A shell starts background jobs with this signal ignored, and the tests may run in one.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        journal, deadline = listed / "scores.csv.journal", time.monotonic() + 120
        before = journal.read_bytes().count(b"\n") if journal.exists() else 1
        while time.monotonic() < deadline and process.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") > before + 3:
                os.kill(process.pid, signal_number)
                break
            time.sleep(0.005)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == (130 if signal_number == signal.SIGINT else -signal_number), errors
        assert not (listed / "scores.csv").exists()
        if signal_number == signal.SIGINT:
            assert b"interrupted; the completed rows are kept beside scores.csv, and --resume continues" in errors
    result = run("batch", "long.csv", "--out", "scores.csv", "--resume")
    assert result.returncode == 0
    assert "of them from an earlier run" in result.stdout
    assert (listed / "scores.csv").read_text() == (listed / "whole.csv").read_text()


@pytest.mark.thorough
def test_two_metrics_two_columns_and_json_lines(run_here: Run, listed: Path) -> None:
    (listed / "short.csv").write_text("\n".join((listed / "list.csv").read_text().splitlines()[:3]) + "\n")
    result = run_here("batch", "short.csv", "--out", "s.jsonl", "--metric", "lite", "--metric", "paper", "--backbone",
                 "efficientnet-lite0", "--per-layer", "--memory-limit", "300MB", "--runtime", "torch")  # fmt: skip
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in (listed / "s.jsonl").read_text().splitlines()]
    assert set(rows[0]) == {
        "reference", "distorted", "kind", "score_lite", "score_paper", "per_layer_lite", "per_layer_paper", "error",
    }  # fmt: skip
    assert rows[0]["error"] is None
    assert len(rows[0]["per_layer_lite"]) == 6


@pytest.mark.thorough
def test_metrics_of_other_libraries_are_scored_beside_presets_fault_49(run_here: Run, listed: Path) -> None:
    (listed / "short.csv").write_text("\n".join((listed / "list.csv").read_text().splitlines()[:4]) + "\n")
    metrics = ("--metric", "psnr", "--metric", "lite")
    result = run_here("batch", "short.csv", "--out", "s.csv", *metrics, "--runtime", "torch")
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"3 rows, 0 with an error: s\.csv \(piq [\d.]+, torch\)\n", result.stdout)
    rows = rows_of(listed / "s.csv")
    for name in ("psnr", "lite"):
        metric = innersight.create_metric(name)
        for row in rows:
            expected = innersight.score(listed / "ref.png", listed / row["distorted"], metric=metric)
            assert float(row[f"score_{name}"]) == pytest.approx(expected, rel=1e-5)
    assert float(rows[0]["score_psnr"]) < float(rows[2]["score_psnr"])  # the quality of the JPEG files rises
    assert float(rows[0]["score_lite"]) > float(rows[2]["score_lite"])


@pytest.mark.thorough
def test_a_bundle_and_a_metric_of_torch_run_together_and_identical_files_score_exactly_0(
    run_here: Run, listed: Path
) -> None:
    (listed / "copy.png").write_bytes((listed / "ref.png").read_bytes())
    rows = [*(listed / "list.csv").read_text().splitlines()[:4], "ref.png,ref.png,none", "ref.png,copy.png,none"]
    (listed / "short.csv").write_text("\n".join(rows) + "\n")
    metrics = ("--metric", "lite", "--metric", "lite:layers=0")
    result = run_here("batch", "short.csv", "--out", "s.csv", *metrics, "--workers", 2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("5 rows, 0 with an error: s.csv (onnxruntime ")
    found = rows_of(listed / "s.csv")
    for row in found[3:]:
        assert [float(row[f"score_{name}"]) for name in ("lite", "lite:layers=0")] == [0.0, 0.0]
    assert all(float(row["score_lite"]) > 0 for row in found[:3])
    record = json.loads((listed / "s.csv.run.json").read_text())["run"]["metrics"]
    assert record["lite"] == innersight.Scorer("lite").describe()
    assert "onnxruntime" in record["lite"]["runtime"]


@pytest.mark.thorough
def test_best_gives_the_scores_of_the_metric_itself(run_here: Run, listed: Path, small_dino: Path) -> None:
    """Two views through the command line, with stand-in weights."""
    (listed / "short.csv").write_text("\n".join((listed / "list.csv").read_text().splitlines()[:3]) + "\n")
    options = ("--metric", "best", "--weights", small_dino, "--runtime", "torch", "--per-layer")
    result = run_here("batch", "short.csv", "--out", "s.jsonl", *options)
    assert result.returncode == 0, result.stderr
    best = innersight.create_metric("best", weights=small_dino)
    for line in (listed / "s.jsonl").read_text().splitlines():
        row = json.loads(line)
        expected = innersight.score(listed / "ref.png", listed / row["distorted"], metric=best)
        assert row["score"] == pytest.approx(expected, rel=1e-5)
        assert len(row["per_layer"]) == len(best.layer_names)


@pytest.mark.thorough
def test_pairs_that_fail_are_counted_with_status_1_also_when_the_finished_run_is_resumed(
    run_here: Run, listed: Path
) -> None:
    (listed / "some.csv").write_text("reference,distorted\nref.png,0.jpg\nref.png,missing.jpg\n")
    command = ("batch", "some.csv", "--out", "s.csv", "--runtime", "torch")
    failed = "innersight: 1 of 2 pairs could not be scored; the column error of s.csv says why\n"
    result = run_here(*command)
    assert (result.returncode, result.stderr) == (1, failed)
    assert result.stdout == "2 rows, 1 with an error: s.csv (torch)\n"
    assert "No such file" in rows_of(listed / "s.csv")[1]["error"]
    kept = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in listed.glob("s.csv*")}
    assert {path.name for path in kept} == {"s.csv", "s.csv.run.json"}
    result = run_here(*command, "--resume")
    assert (result.returncode, result.stderr) == (1, failed)
    assert result.stdout == "2 rows (2 of them from an earlier run), 1 with an error: s.csv (torch)\n"
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in listed.glob("s.csv*")} == kept
    result = run_here("batch", "some.csv", "--out", "t.csv", "--fail-fast", "--runtime", "torch")
    assert result.returncode == 2
    assert "Row 2: No such file" in result.stderr


@pytest.mark.thorough
def test_runtimes_give_the_same_scores_and_the_last_line_names_the_runtime(run_here: Run, listed: Path) -> None:
    (listed / "short.csv").write_text("\n".join((listed / "list.csv").read_text().splitlines()[:5]) + "\n")
    scores = {}
    for runtime in ("torch", "onnx"):
        result = run_here("batch", "short.csv", "--out", f"{runtime}.csv", "--runtime", runtime, "--workers", "2")
        assert result.returncode == 0, result.stderr
        assert re.fullmatch(rf"4 rows, 0 with an error: {runtime}\.csv \({runtime}[a-z]*( [\d.]+)?\)\n", result.stdout)
        scores[runtime] = [float(row["score"]) for row in rows_of(listed / f"{runtime}.csv")]
    assert scores["onnx"] == pytest.approx(scores["torch"], rel=1e-5)
    assert scores["onnx"] != scores["torch"]  # two runtimes ran


@pytest.mark.thorough
def test_runs_with_a_cache_are_equal_and_parquet_columns_keep_their_types(run_here: Run, listed: Path) -> None:
    columns = {
        "reference": pyarrow.array(["ref.png"] * 3),
        "distorted": pyarrow.array(["0.jpg", "9.jpg", "ref.png"]),
        "votes": pyarrow.array([1, None, 3], pyarrow.int16()),
        "day": pyarrow.array([datetime.date(2026, 11, 23)] * 3),
    }
    parquet.write_table(pyarrow.table(columns), listed / "list.parquet")
    metrics = ("--metric", "lite", "--metric", "paper:distance=cos:layers=last-2", "--backbone", "efficientnet-lite0")
    command = ("batch", "list.parquet", *metrics, "--cache", "cache", "--runtime", "torch", "--quiet")
    for out in ("first.parquet", "second.parquet"):
        result = run_here(*command, "--out", out)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert len(list((listed / "cache").iterdir())) == 3 * 2  # images, extractor ids
    assert (listed / "first.parquet").read_bytes() == (listed / "second.parquet").read_bytes()
    table = parquet.read_table(listed / "first.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "reference": "string",
        "distorted": "string",
        "votes": "int16",
        "day": "date32[day]",
        "score_lite": "double",
        "score_paper:distance=cos:layers=last-2": "double",
        "error": "string",
    }
    rows = table.to_pylist()
    assert [row["votes"] for row in rows] == [1, None, 3]
    for name in ("score_lite", "score_paper:distance=cos:layers=last-2"):
        assert rows[0][name] > rows[1][name] > rows[2][name] == 0


@pytest.mark.thorough
def test_folders_are_paired_by_name(run_here: Run, listed: Path) -> None:
    for folder in ("a", "b"):
        (listed / folder).mkdir()
    Image.open(listed / "ref.png").save(listed / "a" / "cup.png")
    Image.open(listed / "3.jpg").save(listed / "b" / "cup.bmp")
    result = run_here("batch", "--reference-dir", "a", "--distorted-dir", "b", "--out", "s.csv", "--runtime", "torch")
    assert result.returncode == 0, result.stderr
    assert rows_of(listed / "s.csv")[0]["distorted"] == "b/cup.bmp"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("none.csv", "--out", "s.csv"), "No such list: 'none.csv'"),
        (("--out", "s.csv"), "Pass either a list of pairs, or both --reference-dir and --distorted-dir"),
        (("list.csv", "--reference-dir", ".", "--out", "s.csv"), "Pass either a list of pairs, or both"),
        (("list.csv", "--out", "s.txt"), "one of (.csv, .jsonl, .parquet), but got 's.txt'"),
        (("list.csv", "--out", "list.csv"), "would replace the list"),
        (("list.csv", "--out", "s.csv", "--memory-limit", "much"), "a size such as 500MB, 2GB or 1GiB, but got 'much'"),
        (
            ("list.csv", "--out", "s.csv", "--reference-column", "ref"),
            "no path in the column 'ref'. The columns are (reference, distorted, kind)",
        ),
        (("list.csv", "--out", "s.csv", "--metric", "papr"), "Did you mean paper"),
        (
            ("list.csv", "--out", "s.csv", "--workers", "0"),
            "--workers takes auto or a whole number from 1, but got '0'",
        ),
        (
            ("list.csv", "--out", "s.csv", "--batch-size", "2.5"),
            "--batch-size takes auto or a whole number from 1, but got '2.5'",
        ),
    ],
)
def test_bad_input_is_one_clear_line_and_status_2(
    run_here: Run, listed: Path, arguments: tuple[str, ...], part: str
) -> None:
    result = run_here("batch", *arguments)
    assert result.returncode == 2
    assert part in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.thorough
def test_a_disk_that_fills_up_is_one_line_and_the_run_resumes_fault_22(run: Run, listed: Path) -> None:
    resource = pytest.importorskip("resource")
    command = [Path(sys.executable).parent / "innersight", "batch", "list.csv", "--out", "scores.csv", "--quiet"]
    result = subprocess.run(
        command,
        cwd=listed,
        capture_output=True,
        text=True,
        # A limit on the size of files gives the error that a full disk gives.
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)),
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"innersight: .* cannot be read or written: .*\n", result.stderr)
    assert not (listed / "scores.csv").exists()
    result = run("batch", "list.csv", "--out", "scores.csv", "--resume")
    assert result.returncode == 0, result.stderr
    assert len(rows_of(listed / "scores.csv")) == 40


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a file that is always full")
def test_a_full_standard_output_is_one_line_fault_22() -> None:
    with Path("/dev/full").open("w") as full:
        command = [Path(sys.executable).parent / "innersight", "metrics"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2
    assert re.fullmatch(r"innersight: A file cannot be read or written: No space left on device\. .*\n", result.stderr)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "failure", ["RuntimeError('CUDA error: an illegal memory access')", "torch.OutOfMemoryError('full')"]
)
def test_a_device_failure_stops_the_run_in_one_line_fault_18(listed: Path, failure: str) -> None:
    # The command with a network that raises the error of a broken GPU.
    code = (
        "import sys, torch\n"
        "from innersight.backbones.features import Backbone\n"
        "def fail(*_):\n"
        f"    raise {failure}\n"
        "Backbone.outputs = fail\n"
        "from innersight.cli.app import main\n"
        "sys.argv = ['innersight', 'batch', 'list.csv', '--out', 'scores.csv', '--runtime', 'torch', '--quiet']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=listed, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith("innersight: The device failed: ")
    assert done.stderr.count("\n") == 1
    assert not (listed / "scores.csv").exists()
