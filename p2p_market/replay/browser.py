"""Opening the reader's browser, where there is one to open."""

from __future__ import annotations

import os
import sys
import webbrowser


def has_display() -> bool:
    """Whether windows can open here."""
    return sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def open_browser(address: str) -> bool:
    """Open an address; without a display nothing is tried, since a browser in the terminal would take it over."""
    try:
        return has_display() and webbrowser.open(address)
    except webbrowser.Error:
        return False
