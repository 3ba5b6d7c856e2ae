"""A real browser for tests of pages: headless Chromium, with all that it complains of and all that it asks for.

Each test that uses `browser_page` fails at its end if the page logged an error or a warning, or asked another host for
anything. Where Chromium or Playwright is not installed the tests are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

_OWN_HOSTS = ("127.0.0.1", "localhost", "")
_LOCAL_SCHEMES = ("file", "data", "blob", "about")
_FLAGS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run")


def find_chromium() -> str | None:
    """Path of Chromium: ``P2P_MARKET_CHROMIUM``, or what is found under its usual names."""
    named = os.environ.get("P2P_MARKET_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class BrowserPage:
    """A page of Playwright, and what happened on it."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and exceptions that nobody caught."""
    foreign_requests: list[str] = field(default_factory=list)
    """Addresses on other hosts that the page asked for; none is let through."""

    def watch(self) -> None:
        """Note from now on what happens on the page."""
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.context.route("**/*", self._let_through)

    def check(self) -> None:
        """Fail if anything was wrong."""
        assert self.complaints == []
        assert self.foreign_requests == []

    def _note_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _let_through(self, route: Any) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in _LOCAL_SCHEMES or address.hostname in _OWN_HOSTS:
            route.continue_()
        else:
            self.foreign_requests.append(route.request.url)
            route.abort()


@pytest.fixture(scope="module")  # and no longer: while it runs, no other event loop can
def browser() -> Iterator[Any]:
    """Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="NO BROWSER TESTS: pip install playwright")
    path = find_chromium()
    if path is None:
        pytest.skip("NO BROWSER TESTS: Chromium is not installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def browser_page(browser: Any) -> Iterator[BrowserPage]:
    """A fresh page, 1280 by 900; what it complains of, or asks other hosts for, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visited = BrowserPage(context.new_page())
    visited.watch()
    yield visited
    context.close()
    visited.check()
