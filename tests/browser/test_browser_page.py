"""The fixture itself: it sees what goes wrong on a page."""

from __future__ import annotations

from typing import Any

import pytest


def test_complaints_and_foreign_requests_are_seen(browser_page: Any) -> None:
    page = browser_page.page
    page.set_content("<script>console.error('broken'); setTimeout(() => { throw new Error('lost') })</script>")
    page.evaluate("() => fetch('http://example.invalid/x').catch(() => 0)")
    page.wait_for_timeout(50)
    with pytest.raises(AssertionError):
        browser_page.check()
    assert any("broken" in text for text in browser_page.complaints)
    assert any("lost" in text for text in browser_page.complaints)
    assert browser_page.foreign_requests == ["http://example.invalid/x"]
    browser_page.complaints.clear()
    browser_page.foreign_requests.clear()


def test_a_quiet_page_passes(browser_page: Any) -> None:
    browser_page.page.set_content("<title>quiet</title>")
    assert browser_page.page.title() == "quiet"
    browser_page.check()
