"""The server of the page answers this machine only, with the files of the page only."""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from innersight.browser.page_files import page_files
from innersight.browser.server import ADDRESS, POLICY, PageServer
from innersight.errors import ArgumentError

PAGE = Path(__file__).parents[2] / "src" / "innersight" / "browser" / "page"


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer() as started:
        threading.Thread(target=started.serve_forever, daemon=True).start()
        yield started
        started.shutdown()


def ask(
    server: PageServer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Return the status, the headers and the content of an answer. The path is sent as it is."""
    connection = http.client.HTTPConnection(*server.server_address[:2], timeout=10)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or server.hosts[0])
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def test_each_file_of_the_page_is_served_with_its_type(server: PageServer) -> None:
    for address, file in page_files().items():
        status, headers, content = ask(server, f"/{address}")
        assert (status, content) == (200, file.read())
        assert headers["Content-Type"] == file.media_type
    assert ask(server, "/")[2] == ask(server, "/index.html?x=1")[2] == page_files()["index.html"].read()


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/page_files.py", "/../page_files.py", "/scripts/../../server.py", "/%2e%2e/server.py", "//etc/passwd",
        "/etc/passwd", "/scripts/", "/lite", "/lite/compare_masked.onnx", "/vendor/../../server.py", "/index.html/", "/\\..\\server.py",
    ],
)  # fmt: skip
def test_nothing_else_is_served(server: PageServer, path: str) -> None:
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("host", ["", "example.com", "127.0.0.1", "127.0.0.1.example.com", "127.0.0.1:1", "localhost"])
def test_another_host_is_refused(server: PageServer, host: str) -> None:
    assert ask(server, "/", host=host)[0] == 421


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1"])
def test_the_names_of_the_loopback_address_are_answered(server: PageServer, name: str) -> None:
    assert ask(server, "/", host=f"{name}:{server.server_address[1]}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(server: PageServer, method: str) -> None:
    assert ask(server, "/", method=method)[0] == 501


def test_head_has_the_headers_without_the_content(server: PageServer) -> None:
    _, headers, content = ask(server, "/lite/extract.onnx", method="HEAD")
    assert content == b""
    assert int(headers["Content-Length"]) == len(page_files()["lite/extract.onnx"].read())


@pytest.mark.parametrize("path", ["/", "/scripts/worker.js", "/nothing"])
def test_each_answer_states_what_the_page_may_load(server: PageServer, path: str) -> None:
    headers = ask(server, path)[1]
    assert headers["Content-Security-Policy"] == f"{POLICY}; frame-ancestors 'none'"
    assert "'self'" in POLICY
    assert "http" not in POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


def test_the_page_states_the_same_policy_for_other_servers() -> None:
    (stated,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', (PAGE / "index.html").read_text())
    assert stated == POLICY


def test_only_the_loopback_address_is_bound(server: PageServer) -> None:
    assert server.server_address[0] == ADDRESS == "127.0.0.1"
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {ADDRESS}
    for address in others:
        with socket.socket() as client:
            client.settimeout(5)
            assert client.connect_ex((address, server.server_address[1])) != 0


def test_a_port_in_use_and_a_port_that_does_not_exist_are_errors(server: PageServer) -> None:
    port = server.server_address[1]
    with pytest.raises(ArgumentError, match=f"Port {port} is in use. Use another --port, or 0 for any free one."):
        PageServer(port)
    for wrong in (-1, 65536):
        with pytest.raises(ArgumentError, match="Argument `port` must be an integer from 0 to 65535"):
            PageServer(wrong)


def test_a_connection_that_the_browser_closes_prints_nothing(
    server: PageServer, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        with socket.create_connection(server.server_address[:2]) as client:
            client.sendall(f"GET /lite/extract.onnx HTTP/1.1\r\nHost: {server.hosts[0]}\r\n\r\n".encode())
    assert ask(server, "/")[0] == 200
    assert capfd.readouterr().err == ""
