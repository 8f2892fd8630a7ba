"""The server of the page. It listens on the loopback address, and it serves the files of the page only."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from innersight.browser.page_files import START, PageFile, page_files
from innersight.errors import ArgumentError

ADDRESS = "127.0.0.1"
"""The loopback address, which other machines cannot reach."""

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'none'"
)
"""What the page may load: its own files, and images that it has in memory. index.html states the same policy."""

_HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # another version of the package can have the same port
}
_IDLE_SECONDS = 60


class PageServer(ThreadingTCPServer):
    """Serves the page to this machine.

    Requests for another host than the loopback address are refused: the name of a foreign page could be resolved to it
    (DNS rebinding).

    Args:
        port: The port, or 0 for any free one. Default: 0.

    Raises:
        ArgumentError: If the port is not from 0 to 65535, is in use, or needs other permissions.

    Example:
        >>> with PageServer() as server:
        ...     server.url.startswith("http://127.0.0.1:")
        True
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows, it lets two servers have one port

    def __init__(self, port: int = 0) -> None:
        if not 0 <= port <= 65535:
            raise ArgumentError(f"Argument `port` must be an integer from 0 to 65535, but got {port}.")
        self.files: Mapping[str, PageFile] = page_files()
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
                raise
            reason = "is in use" if error.errno == errno.EADDRINUSE else "needs the permissions of an administrator"
            raise ArgumentError(f"Port {port} {reason}. Use another --port, or 0 for any free one.") from None

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{self.hosts[0]}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The values of the header `Host` that are answered."""
        port = self.server_address[1]
        return f"{ADDRESS}:{port}", f"localhost:{port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report an error in a request, unless the browser has closed the connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "innersight"
    sys_version = ""
    timeout = _IDLE_SECONDS
    server: PageServer

    def do_GET(self) -> None:
        """Answer with a file."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answer with the headers of a file."""
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        if self.headers.get("Host", "").lower() not in self.server.hosts:
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        file = self.server.files.get(unquote(urlsplit(self.path).path).removeprefix("/") or START)
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        content = file.read()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", file.media_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def end_headers(self) -> None:
        """Add the headers that each answer has."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing for a request."""
