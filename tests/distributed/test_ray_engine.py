"""A list on a real local Ray: killed workers and killed drivers lose nothing, and scores are those of the local engine."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from innersight import create_scorers
from innersight.distributed.ray_engine import Cluster, _claimed, open_place, score_with_ray
from innersight.distributed.storage import Folder
from innersight.errors import ArgumentError
from innersight.inference.batch import score_list
from innersight.inference.pair_lists import open_list

ray = pytest.importorskip("ray", reason="NOT RUN: ray is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


def expected_scores(listed: Path, folder: Path) -> list[float | None]:
    out = folder / "expected.csv"
    score_list(open_list(listed), create_scorers(["lite"]), out)
    with out.open(newline="") as file:
        return [float(row["score"]) if row["score"] else None for row in csv.DictReader(file)]


def check(out: Path, expected: list[float | None]) -> None:
    """Check that each row is in the output once, with its score."""
    rows = sorted(pq.read_table(out).to_pylist(), key=lambda row: row["row"])
    assert [row["row"] for row in rows] == list(range(len(expected)))
    for row, score in zip(rows, expected, strict=True):
        assert row["score"] == (None if score is None else pytest.approx(score, rel=1e-5))
        assert (row["error"] is None) == (score is not None)
    manifest = json.loads((out / "_manifest.json").read_text())
    assert (manifest["rows"], manifest["failed"]) == (len(rows), sum(score is None for score in expected))
    assert sum(file["rows"] for file in manifest["files"]) == len(rows)
    assert {file["file"] for file in manifest["files"]} == {file.name for file in out.glob("part-*")}
    assert list(out.glob("_list-*")) == []


@pytest.mark.thorough
def test_scores_are_those_of_the_local_engine(cluster: None, listed: Path, tmp_path: Path) -> None:
    pairs, images = open_place(str(listed))
    seen: list[tuple[int, int]] = []
    out = tmp_path / "out"
    outcome = score_with_ray(
        pairs, images, create_scorers(["lite"]), str(out), cluster=Cluster(workers=2), shards=5,
        on_rows=lambda *counts: seen.append(counts),
    )  # fmt: skip
    assert (outcome.rows, outcome.failed, outcome.resumed) == (26, 2, 0)
    assert seen[-1] == (26, 2)
    assert len(seen) == 5
    expected = expected_scores(listed, tmp_path)
    check(out, expected)
    again = score_with_ray(pairs, images, create_scorers(["lite"]), str(out), resume=True)
    assert (again.rows, again.failed, again.resumed) == (26, 2, 26)
    check(out, expected)


@pytest.mark.thorough
def test_a_killed_worker_loses_no_row(cluster: None, listed: Path, tmp_path: Path) -> None:
    pairs, images = open_place(str(listed))
    killed: list[int] = []

    def kill_one(_done: int, _failed: int) -> None:
        if len(killed) < 2:
            workers = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and _is_worker(one)]
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])

    out = tmp_path / "out"
    score_with_ray(
        pairs, images, create_scorers(["lite"]), str(out), cluster=Cluster(workers=2), shards=8, on_rows=kill_one
    )
    assert len(killed) == 2
    check(out, expected_scores(listed, tmp_path))


def _is_worker(process: Path) -> bool:
    """Whether a process is an actor of the Ray that this process has started: other tests have their own."""
    try:
        return b"ray::_Worker" in (process / "cmdline").read_bytes() and os.getpid() in _ancestors(process)
    except (OSError, IndexError):
        return False


def _ancestors(process: Path) -> set[int]:
    found = set()
    while process.name != "0":
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        found.add(int(parent))
        process = process.with_name(parent)
    return found


@pytest.mark.thorough
def test_a_killed_driver_is_resumed(listed: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [
        str(Path(sys.executable).parent / "innersight"), "batch", str(listed), "--out", str(out), "--engine", "ray",
        "--workers", "2", "--shards", "13",
    ]  # fmt: skip
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 240
    while not list(out.glob("part-*")):
        assert driver.poll() is None, driver.communicate()[1].decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.kill()
    driver.communicate()
    assert not (out / "_manifest.json").exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "has an earlier run. Use --resume to continue it, or --overwrite." in again.stderr
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr  # two pairs cannot be scored
    assert "26 rows (" in done.stdout
    check(out, expected_scores(listed, tmp_path))


@pytest.mark.thorough
def test_another_run_is_not_continued(cluster: None, listed: Path, tmp_path: Path) -> None:
    pairs, images = open_place(str(listed))
    out = str(tmp_path / "out")
    score_with_ray(pairs, images, create_scorers(["lite"]), out, shards=1)
    with pytest.raises(ArgumentError, match=r"another 'metrics'\. Use --overwrite"):
        score_with_ray(pairs, images, create_scorers(["lite", "psnr"]), out, resume=True)
    with pytest.raises(ArgumentError, match="exclude each other"):
        score_with_ray(pairs, images, create_scorers(["lite"]), out, resume=True, overwrite=True)
    outcome = score_with_ray(pairs, images, create_scorers(["lite"]), out, shards=2, overwrite=True)
    assert (outcome.rows, outcome.resumed) == (26, 0)
    check(tmp_path / "out", expected_scores(listed, tmp_path))


@pytest.mark.thorough
def test_a_second_run_on_the_same_folder_is_refused_and_harms_nothing(
    cluster: None, listed: Path, tmp_path: Path
) -> None:
    pairs, images = open_place(str(listed))
    out = tmp_path / "out"
    refused: list[dict[str, bool]] = []

    def start_another(_done: int, _failed: int) -> None:
        for how in ({}, {"resume": True}, {"overwrite": True}):
            with pytest.raises(ArgumentError, match=r"out' is in use: one run at a time\. Wait for its end"):
                score_with_ray(pairs, images, create_scorers(["lite"]), str(out), **how)
            refused.append(how)

    score_with_ray(pairs, images, create_scorers(["lite"]), str(out), shards=2, on_rows=start_another)
    assert len(refused) == 6
    check(out, expected_scores(listed, tmp_path))


def test_a_second_run_of_the_cluster_is_refused_on_a_store_without_locks(
    cluster: None, listed: Path, tmp_path: Path
) -> None:
    pairs, images = open_place(str(listed))
    with _claimed(ray, Folder("memory://claimed")), pytest.raises(ArgumentError, match="is in use: one run at a time"):
        score_with_ray(pairs, images, create_scorers(["lite"]), "memory://claimed")
    with _claimed(ray, Folder("memory://claimed")):
        pass  # the end of a run frees it


@pytest.mark.thorough
def test_lists_and_images_of_an_s3_server(
    cluster: None, listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_module = pytest.importorskip("moto.server", reason="NOT RUN: moto is not installed")
    pytest.importorskip("s3fs", reason="NOT RUN: s3fs is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        settings = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }
        command = [
            str(Path(sys.executable).parent / "innersight"), "batch", "s3://pairs/in/list.csv", "--out", "s3://pairs/out",
            "--engine", "ray", "--workers", "1", "--shards", "2",
        ]  # fmt: skip
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        import s3fs

        s3fs.S3FileSystem().mkdir("pairs")
        store = Folder("s3://pairs/in")
        for file in listed.parent.iterdir():
            store.write(file.name, file)
        done = subprocess.run(command, capture_output=True, text=True, timeout=400)
        assert done.returncode == 1, done.stderr
        out = Folder("s3://pairs/out")
        (tmp_path / "copy").mkdir()
        for name in out.names():
            (tmp_path / "copy" / name).write_bytes(out.read(name))
        check(tmp_path / "copy", expected_scores(listed, tmp_path))
        errors = [row["error"] for row in pq.read_table(tmp_path / "copy").to_pylist() if row["error"]]
        assert "No such file: 's3://pairs/in/missing.png'." in errors
    finally:
        server.stop()


def test_a_list_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ArgumentError, match=r"No such list: 'memory://none/list\.csv'"):
        open_place("memory://none/list.csv")
    with pytest.raises(ArgumentError, match="No such list"):
        open_place("none/list.csv")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "[::1]:1", "ray://no-such-host.invalid:10001"])
def test_a_cluster_that_is_not_there_is_one_sentence(listed: Path, tmp_path: Path, address: str) -> None:
    if ray.is_initialized():
        ray.shutdown()
    pairs, images = open_place(str(listed))
    said = rf"Ray cannot be reached at {re.escape(address)}: .*\. Check --ray-address"
    with pytest.raises(ArgumentError, match=said):
        score_with_ray(pairs, images, create_scorers(["lite"]), str(tmp_path / "out"), cluster=Cluster(address))
    assert not (tmp_path / "out").exists()
