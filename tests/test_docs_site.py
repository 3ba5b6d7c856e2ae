"""The site of the docs: formulas are told from dollars, and its parts name what there is."""

from __future__ import annotations

import importlib.util
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from p2p_market._version import __version__

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site() -> dict[str, Any]:
    for name in ("mkdocs", "latex2mathml"):
        pytest.importorskip(name, reason="needs the extra docs")
    return runpy.run_path(str(ROOT / "docs" / "site_hooks.py"))


@pytest.mark.parametrize(
    "text",
    [
        "92.23 $ against 89.98 $",
        "price [$/kWh] of what costs [$]",
        "a price in $/kWh, money in $ (Australian dollars)",
        "| `a` | $/kWh | mean |\n| `b` | $ | sum |",
        "in code `$a$` and `environment=$(mktemp)`",
        "```\necho $HOME $PATH\n```",
    ],
)
def test_dollars_stay(site: dict[str, Any], text: str) -> None:
    assert site["_FENCE"].match(text) or site["_with_marks"](text) == text


@pytest.mark.parametrize(
    "text", ["energy $e$,", "($x_i$)", "$1 - 2\\sigma / (\\max_i x_i - \\min_i x_i)$", "$$a = b$$"]
)
def test_formulas_become_mathml(site: dict[str, Any], text: str) -> None:
    marked = site["_with_marks"](text)
    assert "$" not in marked
    html = site["on_page_content"](marked)
    assert html.count("<math") == 1
    assert "FORMULA" not in html


def test_formulas_of_docstrings_become_mathml(site: dict[str, Any]) -> None:
    html = site["on_page_content"](":math:<code>a &lt; b</code><p>.. math:: \\sum_i x_i</p>")
    assert html.count("<math") == 2
    assert ":math:" not in html


def test_pages_of_the_api_name_modules_that_there_are(site: dict[str, Any]) -> None:
    for modules in site["API"].values():
        for module in modules:
            assert importlib.util.find_spec(f"p2p_market.{module}") is not None, module


def test_every_page_of_the_api_is_in_the_contents(site: dict[str, Any]) -> None:
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"api/(\w+)\.md", contents)) == set(site["API"])


def test_every_page_is_in_the_contents() -> None:
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert f" {name}\n" in contents, f"mkdocs.yml: {name} is missing under nav"


def test_what_is_cited_is_this_version() -> None:
    for name in ("CITATION.cff", "docs/citing.md"):
        assert __version__ in (ROOT / name).read_text(encoding="utf-8")
