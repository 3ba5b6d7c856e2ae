"""The download against a server on this machine: success, wrong content, refusals, silence, and no server at all."""

from __future__ import annotations

import hashlib
import http.server
import threading
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from official_text import home, text

from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.cache import CACHE_VARIABLE
from p2p_market.data.fetch import SOURCE_SHA256, SOURCE_URL, fetch_ausgrid
from p2p_market.errors import DataError


def archive() -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("Solar home 2011-2012.csv", text(home()))
    return file.getvalue()


class Server:
    """Answers with the statuses given in turn (then 200) and the content."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.statuses: list[int] = []
        self.num_requests = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.num_requests += 1
                status = outer.statuses.pop(0) if outer.statuses else 200
                self.send_response(status)
                body = outer.content if status == 200 else b"no"
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/data.zip"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    running = Server(archive())
    yield running
    running.stop()


def digest(server: Server) -> str:
    return hashlib.sha256(server.content).hexdigest()


def test_the_archive_is_kept_checked_and_loaded_once(server: Server, tmp_path: Path, capsys: object) -> None:
    path = fetch_ausgrid(tmp_path, url=server.url, sha256=digest(server))
    assert path.read_bytes() == server.content
    assert load_ausgrid(path, cache=False).get_size() == (96, 1)
    assert fetch_ausgrid(tmp_path, url=server.url, sha256=digest(server), progress=False) == path
    assert server.num_requests == 1


def test_it_goes_to_the_cache_folder_by_default(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    path = fetch_ausgrid(url=server.url, sha256=digest(server), progress=False)
    assert path == tmp_path / "downloads" / "data.zip"


def test_a_failure_is_tried_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 500]
    path = fetch_ausgrid(tmp_path, url=server.url, sha256=digest(server), num_retries=2, progress=False)
    assert path.read_bytes() == server.content
    assert server.num_requests == 3


def test_another_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not the expected archive \(its SHA-256 is not 000.*it was not kept"):
        fetch_ausgrid(tmp_path, url=server.url, sha256="0" * 64, num_retries=0, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_refusal_is_told(server: Server, tmp_path: Path) -> None:
    server.statuses = [404]
    with pytest.raises(DataError, match=r"cannot be downloaded .*404.* in a browser and pass its path instead"):
        fetch_ausgrid(tmp_path, url=server.url, sha256=digest(server), num_retries=0, progress=False)
    assert not list(tmp_path.iterdir())


def test_offline_is_told_with_the_way_out(server: Server, tmp_path: Path) -> None:
    url = server.url
    server._server.shutdown()
    server._server.server_close()
    with pytest.raises(DataError, match=r"cannot be reached, 2 attempt\(s\) failed .* offline\? .*browser and pass"):
        fetch_ausgrid(tmp_path, url=url, sha256="0" * 64, num_retries=1, progress=False)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_used(server: Server, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot be kept in .*file"):
        fetch_ausgrid(blocked, url=server.url, sha256=digest(server), num_retries=0, progress=False)


def test_the_mirror_is_the_published_one() -> None:
    assert SOURCE_URL == "https://pierreh.eu/downloads/Ausgrid_solar_home_data.zip"
    assert SOURCE_SHA256 == "5a766f52b6c8b3b72730380f4422e478934bc94640a4b089dd0e0e3c055c5d82"
