"""Putting measured tables into the pages that show them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]


def write_between_marks(page: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name: begin -->`` and ``<!-- name: end -->`` in a page.

    Raises
    ------
    ValueError
        If the page does not have each mark once.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = page.read_text(encoding="utf-8")
    if content.count(begin) != 1 or content.count(end) != 1:
        raise ValueError(f"{page} has to have the marks {begin!r} and {end!r}, each once")
    before, rest = content.split(begin)
    after = rest.split(end)[1]
    part = page.with_name(page.name + ".part")
    part.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
    os.replace(part, page)  # noqa: PTH105 (in one step)
