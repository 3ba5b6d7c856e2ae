"""The server of the replay page: what it serves, and what it does not."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from replay_runs import record

from p2p_market.cli import main
from p2p_market.errors import ConfigError
from p2p_market.replay import browser
from p2p_market.replay.recorded import RecordedRun
from p2p_market.replay.server import ReplayServer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("served") / "run")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ReplayServer]:
    with ReplayServer(RecordedRun(folder)) as running:
        yield running


def port_of(server: ReplayServer) -> int:
    return int(server.address.rsplit(":", 1)[1].strip("/"))


def ask(
    server: ReplayServer, path: str, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{port_of(server)}")
    connection.endheaders()
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


def test_it_listens_on_the_loopback_and_a_free_port_alone(server: ReplayServer) -> None:
    assert server.address.startswith("http://127.0.0.1:")
    assert port_of(server) > 1023
    own = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in own - {"127.0.0.1"}:
        with socket.socket() as outside:
            outside.settimeout(1.0)
            assert outside.connect_ex((address, port_of(server))) != 0


def test_all_that_the_page_needs_is_served_with_its_type(server: ReplayServer) -> None:
    status, headers, body = ask(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b'<script type="module" src="/main.js">' in body
    for name, kind in (("main.js", "text/javascript"), ("page.css", "text/css"), ("icon.svg", "image/svg+xml")):
        status, headers, _ = ask(server, f"/{name}")
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
    status, headers, body = ask(server, "/api/overview?market=0")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body)["num_intervals"] == 96


@pytest.mark.parametrize("path", ["/", "/main.js", "/api/overview", "/api/block?first=12345", "/nowhere"])
def test_every_answer_has_a_strict_policy(server: ReplayServer, path: str) -> None:
    headers = ask(server, path)[1]
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["img-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    assert "Python" not in headers["Server"]


@pytest.mark.parametrize(
    "path",
    [
        "/../kpis.json", "/kpis.json", "/config.resolved.yaml", "/households.parquet", "//etc/passwd", "/etc/passwd",
        "/static/../../server.py", "/%2e%2e/%2e%2e/server.py", "/..%2f..%2fserver.py", "/..\\..\\server.py",
        "/main.js/../../server.py", "/main.js%00", "/MAIN.JS", "/main.js/", "/index.html/", "/api", "/api/",
        "/api/block/..",
        "file:///etc/passwd", "http://127.0.0.1/main.js", "http://other.example/", "*", "/?/../x/..//[",
    ],
)  # fmt: skip
def test_nothing_else_has_an_address(server: ReplayServer, path: str) -> None:
    status, _, body = ask(server, path)
    assert status == (200 if path.startswith("/?") else 404)
    assert b"root:" not in body
    assert b"http.server" not in body


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "127.0.0.1:80", "[::1]:8000", "LOCALHOST"])
def test_own_names_are_answered(server: ReplayServer, host: str) -> None:
    assert ask(server, "/api/overview", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.x", "[evil]"]
)
def test_a_name_that_was_pointed_here_is_turned_away(server: ReplayServer, host: str) -> None:
    for path in ("/", "/main.js", "/api/overview"):
        status, _, body = ask(server, path, host=host)
        assert (status, body) == (403, b"this server answers to its own address only\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_can_be_written(server: ReplayServer, method: str) -> None:
    assert ask(server, "/api/overview", method)[0] == 501


def test_head_tells_the_length_and_sends_nothing(server: ReplayServer) -> None:
    _, full, body = ask(server, "/main.js")
    status, headers, nothing = ask(server, "/main.js", "HEAD")
    assert (status, nothing, headers["Content-Length"]) == (200, b"", full["Content-Length"])
    assert int(full["Content-Length"]) == len(body)


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("/api/block?first=x", 400, "takes market, first, count: whole numbers"),
        ("/api/block?first=-1&count=1", 400, "whole numbers"),
        ("/api/block?first=1e3&count=1", 400, "whole numbers"),
        ("/api/block?first=" + "9" * 30, 400, "whole numbers"),
        ("/api/block?first=%D9%A1", 400, "whole numbers"),
        ("/api/block?" + "&".join(f"a{i}=1" for i in range(20)), 400, "Max number of fields exceeded"),
        ("/api/block?first=999999999&count=1", 409, "interval 999999999: the run has 96"),
        ("/api/overview?market=3", 409, "market 3: the run has [0]"),
        ("/api/day?household=99&day=1", 409, "household 99 on day 1: the run has no such rows"),
    ],
)
def test_a_question_that_makes_no_sense_is_told(server: ReplayServer, query: str, status: int, words: str) -> None:
    found, _, body = ask(server, query)
    assert found == status
    assert words in json.loads(body)["error"]


def test_many_at_once_get_the_same_answer(server: ReplayServer) -> None:
    expected = ask(server, "/api/block?first=0&count=48")[2]
    answers: list[bytes] = []

    def work() -> None:
        answers.extend(ask(server, "/api/block?first=0&count=48")[2] for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 40


def test_one_that_never_speaks_does_not_hold_up_the_others_or_the_end(folder: Path) -> None:
    with ReplayServer(RecordedRun(folder)) as running, socket.create_connection(("127.0.0.1", port_of(running))):
        assert ask(running, "/")[0] == 200


def test_a_place_that_cannot_be_had_is_told(server: ReplayServer, folder: Path) -> None:
    source, taken = RecordedRun(folder), port_of(server)
    with pytest.raises(ConfigError, match=rf"cannot be served at '127\.0\.0\.1', port {taken}: .* another --port"):
        ReplayServer(source, port=taken)
    with pytest.raises(ConfigError, match="port is 70000; expected 0"):
        ReplayServer(source, port=70_000)
    with pytest.raises(ConfigError, match=r"cannot be served at 'no\.such\.host\.invalid': .*address of this machine"):
        ReplayServer(source, host="no.such.host.invalid")


def test_the_command_prints_the_address_and_ends_with_control_c(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(browser, "open_browser", opened.append)

    def interrupt(server: ReplayServer) -> None:
        assert ask(server, "/")[0] == 200
        raise KeyboardInterrupt

    monkeypatch.setattr(ReplayServer, "wait", interrupt)
    assert main(["view", str(folder)]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    address = output.out.split(" is at ")[1].split(" until ")[0]
    assert opened == [address]
    assert main(["view", str(folder), "--no-browser"]) == 0
    assert len(opened) == 1


def test_the_command_says_what_is_wrong_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(tmp_path), "--no-browser"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(f"error: run folder '{tmp_path}' holds no intervals.parquet")
    assert len(errors.splitlines()) == 1


def test_without_a_display_no_browser_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: tried.append(address) or True)
    monkeypatch.setattr(browser.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not browser.open_browser("http://127.0.0.1:1/")
    monkeypatch.setenv("DISPLAY", ":0")
    assert browser.open_browser("http://127.0.0.1:1/")
    assert tried == ["http://127.0.0.1:1/"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads the size of a process where Linux tells it")
def test_memory_does_not_grow_while_a_run_is_played(tmp_path: Path) -> None:
    folder = record(tmp_path / "run", num_households=60, **{"data.num_homes": 60, "data.days": 20, "run.days": 14})
    command = [sys.executable, "-c", "from p2p_market.cli import main; main()", "view", str(folder), "--no-browser"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        address = process.stdout.readline().split(" is at ")[1].split(" until ")[0]
        connection = http.client.HTTPConnection(address.split("/")[2], timeout=30)

        def play(times: int) -> None:
            for _ in range(times):
                for first in range(0, 14 * 48, 66):
                    connection.request("GET", f"/api/block?market=0&first={first}&count=66")
                    assert len(connection.getresponse().read()) > 20_000
                for household in range(0, 60, 6):
                    connection.request("GET", f"/api/day?household={household}&day=15525")
                    connection.getresponse().read()

        def megabytes() -> float:
            lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024.0

        try:
            play(4)  # until every buffer has been made
            before = megabytes()
            play(12)  # 132 blocks, some 30 MB of text
            grown = megabytes() - before
        finally:
            connection.close()
            process.terminate()
    assert grown < 12.0, f"grew by {grown:.1f} MB from {before:.1f} MB"


def test_the_page_makes_no_markup_of_text_and_names_no_other_host() -> None:
    """Names cannot become markup where nothing parses text; the browser tests see the same from outside."""
    static = sorted((ROOT / "p2p_market" / "replay" / "static").iterdir())
    assert len(static) > 10
    for path in static:
        text = path.read_text(encoding="utf-8")
        found = re.findall(
            r"innerHTML|outerHTML|insertAdjacentHTML|DOMParser|document\.write|\beval\(|new Function", text
        )
        assert found == [], path.name
        assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}, path.name
        assert not re.search(r"\son\w+=|style=", text) or path.suffix == ".js", path.name
