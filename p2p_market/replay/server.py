"""A small web server for one page: files that ship with the package, and answers in JSON.

It is the standard library's `http.server`, which warns that it "only implements basic security checks". That is
enough here because none of its file handling is used: an address is looked up whole in a table of fixed ones and is
never joined to a path, so there is nothing that ``..``, an absolute path or an escape could reach. What a framework
would add (routing, sessions, uploads, asynchronous clients by the thousand) a page for one reader does not need, and
`p2p-market view` works wherever the package does.

* It binds to 127.0.0.1 unless told otherwise.
* It answers only requests whose ``Host`` is an address or ``localhost`` or the name that it was bound to. A page of
  somebody else's that points its own name at 127.0.0.1 (DNS rebinding) is turned away.
* Its content security policy allows scripts, styles, pictures and connections of its own alone, and nothing inline.
* Only ``GET`` and ``HEAD`` are known; nothing can be written.
* Answers are worked out one at a time, so many requests at once need no more memory than one.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from p2p_market.errors import ConfigError, DataError
from p2p_market.replay.source import Answer, Source

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_JSON = "application/json"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")
_SECONDS_TO_SPEAK = 30.0


class ReplayServer:
    """Serves the page of a source from a thread of its own; a context that closes it.

    Parameters
    ----------
    source
        Who answers the page.
    host
        Address or name to bind to.
    port
        Port to bind to; 0 takes a free one.

    Attributes
    ----------
    address
        Where the page is.

    Raises
    ------
    ConfigError
        If it cannot be bound to.
    """

    def __init__(self, source: Source, host: str = "127.0.0.1", port: int = 0) -> None:
        if not 0 <= port <= 65_535:
            raise ConfigError(f"port is {port}; expected 0 (any free one) to 65535")
        self._page = _Page(source, host)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            self._server = _server_class(found[0])((host, port), partial(_Handler, self._page))
        except OSError as error:
            where = f"{host!r}, port {port}" if port else f"{host!r}"
            raise ConfigError(
                f"the page cannot be served at {where}: {error}; choose another --port, or none for a free one, "
                "and for --host an address of this machine"
            ) from None
        # a client that never speaks must not keep the process
        self._server.daemon_threads, self._server.block_on_close = True, False
        name = f"[{host}]" if ":" in host else host
        self.address = f"http://{name}:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, name="replay page", daemon=True)
        self._thread.start()

    def __enter__(self) -> ReplayServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait(self) -> None:
        """Serve until interrupted."""
        while self._thread.is_alive():
            self._thread.join(1.0)  # in steps, since on some systems a wait without end hears no Ctrl+C

    def close(self) -> None:
        """Stop serving; a second time does nothing."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Page:
    """What there is to serve: a table of fixed addresses."""

    def __init__(self, source: Source, host: str) -> None:
        self._names = {"localhost", host.lower()}
        self._turn = threading.Lock()
        static = files("p2p_market.replay") / "static"
        self.static: Mapping[str, tuple[str, bytes]] = {
            "/" if path.name == "index.html" else f"/{path.name}": (
                _TYPES[path.name[path.name.rindex(".") :]],
                path.read_bytes(),
            )
            for path in static.iterdir()
            if path.name[path.name.rfind(".") :] in _TYPES
        }
        self.answers: Mapping[str, tuple[Callable[..., Answer], tuple[str, ...]]] = {
            "/api/overview": (source.overview, ("market",)),
            "/api/block": (source.block, ("market", "first", "count")),
            "/api/day": (source.day, ("market", "household", "day")),
        }

    def is_own_name(self, host: str) -> bool:
        """Whether a ``Host`` is an address, which no name server can point here, or a name of this server."""
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.lower() in self._names
        return True

    def answer(self, path: str, query: str) -> tuple[HTTPStatus, Answer]:
        """Answer a request for data; what was wrong with it is said in ``error``."""
        ask, names = self.answers[path]
        given = dict(parse_qsl(query, max_num_fields=8))
        values = [given.get(name, "0") for name in names]
        if not all(_WHOLE_NUMBER.fullmatch(value) for value in values):
            return HTTPStatus.BAD_REQUEST, {"error": f"{path} takes {', '.join(names)}: whole numbers"}
        try:
            with self._turn:
                return HTTPStatus.OK, ask(*map(int, values))
        except DataError as error:
            return HTTPStatus.CONFLICT, {"error": str(error)}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "p2p_market", ""
    timeout = _SECONDS_TO_SPEAK
    disable_nagle_algorithm = True

    def __init__(self, page: _Page, *arguments: Any) -> None:
        self._page = page
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._respond()

    def do_HEAD(self) -> None:
        self._respond()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: a line a request would bury the address."""

    def _respond(self) -> None:
        if not self._page.is_own_name(self.headers.get("Host", "")):
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"this server answers to its own address only\n")
            return
        try:
            path, query = urlsplit(self.path)[2:4]
        except ValueError:
            path, query = "", ""
        if self.path.startswith("/") and path in self._page.static:
            self._send(HTTPStatus.OK, *self._page.static[path])
        elif self.path.startswith("/") and path in self._page.answers:
            try:
                status, answer = self._page.answer(path, query)
            except ValueError as error:  # too many fields
                status, answer = HTTPStatus.BAD_REQUEST, {"error": str(error)}
            body = json.dumps(answer, separators=(",", ":"), allow_nan=False).encode()
            self._send(status, _JSON, body)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there is nothing at this address\n")

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Let a browser that hung up in the middle go in silence; anything else is worth a trace."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # typed by the base class


def _server_class(family: int) -> type[_Server]:
    return type("_ServerOfFamily", (_Server,), {"address_family": family})
