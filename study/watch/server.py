"""Serves the page that watches a study, to this machine alone and to whoever has its address.

The address holds a random token: another user of the machine, or a page of the internet that the browser
has open, cannot ask for it.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from study.errors import UsageError
from study.watch.snapshot import snapshot

_HOST = "127.0.0.1"
_PAGE = Path(__file__).parent / "page"
#: Seconds for which a snapshot is given again.
_FRESH = 0.8
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class WatchServer(ThreadingHTTPServer):
    """A server of one page and of the state of one results folder.

    Args:
        folder: the results folder; a study may begin in it later.
        port: 0 for any free one.
        lang: language of the page.

    Raises:
        UsageError: the port cannot be had.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, folder: Path, *, port: int = 0, lang: str = "ru") -> None:
        self.folder, self.lang = folder, lang
        self.token = secrets.token_urlsafe(16)
        self._lock = threading.Lock()
        self._state, self._made = b"", float("-inf")
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as error:
            raise UsageError(
                f"--port {port}: {error.strerror or error}; leave it away for any that is free"
            ) from error

    @property
    def address(self) -> str:
        """The address of the page, with the token."""
        return f"http://{_HOST}:{self.server_port}/?token={self.token}"

    def admits(self, host: str, token: str) -> bool:
        """Whether a request is for this server by its number or as localhost, and has the token."""
        named = host in (f"{_HOST}:{self.server_port}", f"localhost:{self.server_port}")
        return named and secrets.compare_digest(token.encode(), self.token.encode())

    def page(self) -> bytes:
        """Returns the page with its style sheet and script inside."""
        html, css, script = (
            (_PAGE / f"watch.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
        )
        html = html.replace("{lang}", self.lang).replace("{css}", css).replace("{script}", script)
        return html.encode()

    def state(self) -> bytes:
        """Returns the state of the study as JSON; requests that come close together get the same."""
        with self._lock:
            if time.monotonic() - self._made > _FRESH:
                self._state = json.dumps(snapshot(self.folder)).encode()
                self._made = time.monotonic()
            return self._state


class _Handler(BaseHTTPRequestHandler):
    server: WatchServer
    #: Seconds for which a silent connection is kept.
    timeout = 30

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        token = parse_qs(address.query).get("token", [""])[0]
        if not self.server.admits(self.headers.get("Host", ""), token):
            self._answer(HTTPStatus.FORBIDDEN, b"the address lacks its token\n", "text/plain")
        elif address.path == "/":
            self._answer(HTTPStatus.OK, self.server.page(), "text/html")
        elif address.path == "/state.json":
            self._answer(HTTPStatus.OK, self.server.state(), "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"there is nothing here\n", "text/plain")

    def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not told: each address holds the token."""
