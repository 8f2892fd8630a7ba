"""`innersight weights`: a download from a hub, which a local server replaces, and its later use without a network."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.cli.conftest import Run

from standins import write_weights

NAME = "lcnet_050.ra2_in1k"  # 7 MB, the smallest pretrained network of timm


class Hub:
    """A local server that answers the requests of a download as huggingface.co does."""

    def __init__(self, files: dict[str, bytes]) -> None:
        hub = self
        self.files = files
        self.requests: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.answer(with_body=False)

            def do_GET(self) -> None:
                self.answer(with_body=True)

            def answer(self, with_body: bool) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                body = hub.files.get(self.path)
                if body is None:
                    repositories = {path.split("/resolve/")[0] for path in hub.files}
                    known = any(self.path.startswith(repository + "/") for repository in repositories)
                    self.send_response(404)
                    self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
                self.send_header("X-Repo-Commit", "a" * 40)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    server = Hub({})
    yield server
    server.stop()


@pytest.mark.thorough
def test_pulled_weights_are_used_without_the_hub(run: Run, files: Path, tmp_path: Path, hub: Hub) -> None:
    stored = write_weights(NAME, tmp_path).read_bytes()
    digest = f"sha256:{hashlib.sha256(stored).hexdigest()}"
    hub.files[f"/timm/{NAME}/resolve/main/model.safetensors"] = stored
    folder = tmp_path / "new" / "weights"
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "INNERSIGHT_WEIGHTS_DIR": str(folder)}

    result = run("weights", "pull", NAME, "efficientnet-lite0", **environment)
    assert result.returncode == 0, result.stderr
    assert digest in result.stdout
    assert "(embedded, sha256:579344248a93" in result.stdout
    hub.stop()

    result = run("score", "ref.png", "dis.jpg", "--backbone", NAME, "--json", **environment)
    assert result.returncode == 0, result.stderr
    weights = json.loads(result.stdout)["metric"]["views"]["main"]["weights"]
    assert weights == {"source": "folder", "file": "model.safetensors", "digest": digest}


@pytest.mark.thorough
def test_without_a_folder_the_cache_of_the_hub_is_used(run: Run, files: Path, tmp_path: Path, hub: Hub) -> None:
    torch.save(load_file(write_weights(NAME, tmp_path)), tmp_path / "old.bin")
    hub.files[f"/timm/{NAME}/resolve/main/pytorch_model.bin"] = (tmp_path / "old.bin").read_bytes()
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
    result = run(
        "score", "ref.png", "dis.jpg", "--backbone", NAME, "--json", **environment
    )  # this downloads the weights
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["metric"]["views"]["main"]["weights"]["source"] == "hub"
    before = len(hub.requests)
    again = run("score", "ref.png", "dis.jpg", "--backbone", NAME, "--json", **environment)
    assert again.stdout == result.stdout
    assert len(hub.requests) == before  # the second run sent no request


@pytest.mark.thorough
def test_a_repository_that_does_not_exist_is_an_error(run: Run, tmp_path: Path, hub: Hub) -> None:
    hub.files["/timm/another/resolve/main/model.safetensors"] = b""
    result = run("weights", "pull", NAME, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "home"))
    assert result.returncode == 2
    assert f"The hub has no repository timm/{NAME}" in result.stderr


@pytest.mark.thorough
def test_a_repository_without_weights_is_an_error(run: Run, tmp_path: Path, hub: Hub) -> None:
    hub.files[f"/timm/{NAME}/resolve/main/README.md"] = b"no weights"
    result = run("weights", "pull", NAME, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "home"))
    assert result.returncode == 2
    assert f"The hub's timm/{NAME} holds none of (model.safetensors, open_clip_model.safetensors" in result.stderr


def test_list_shows_the_place_of_the_weights_of_each_backbone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "clip-rn50.safetensors").write_bytes(b"weights")
    result = run("weights", "list", INNERSIGHT_WEIGHTS_DIR=str(tmp_path), HF_HOME=str(tmp_path / "home"))
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("efficientnet-lite0 ") and "embedded" in line for line in lines)
    assert any(line.startswith("clip-rn50 ") and "folder" in line for line in lines)
    assert any(line.startswith("dinov1-vitb16 ") and "absent" in line for line in lines)
    assert str(tmp_path / "clip-rn50.safetensors") in result.stdout
