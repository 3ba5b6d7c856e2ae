"""What the site of the docs does beyond Markdown: pages from the repository's top, pages of the API, and formulas.

MkDocs calls these functions while ``mkdocs build`` runs; mkdocs.yml names this file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
TOP_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
API = {
    "environment": ("make", "env", "vector_env", "controller", "participant", "learned"),
    "market": (
        *("auction.clear", "auction.clearing", "auction.depth", "auction.book", "auction.limit_order_book"),
        *("auction.on_device", "auction.mechanisms.base"),
    ),
    "mechanisms": tuple(
        f"auction.mechanisms.{name}"
        for name in ("double_auction", "unit", "multi_unit", "clarke", "continuous", "pool", "alone")
    ),
    "runs": ("experiment", "results", "metrics", "market_metrics", "comparison", "evaluation", "report", "replay"),
    "data": ("data.container", "data.ausgrid", "data.tabular", "data.synthetic", "data.calendar"),
    "parts": (
        *("registry", "rewards", "shaping", "scenario.features", "scenario.actions", "policies.base", "tariffs"),
        *("devices.base", "devices.battery", "devices.controlled_load", "devices.electric_vehicle"),
        *("devices.pv_curtailment", "network", "power_flow.feeder", "bounds.dispatch", "analysis", "errors"),
    ),
    "learning": (
        *("training", "integrations.gymnasium", "integrations.torchrl", "integrations.stable_baselines3"),
        "integrations.pufferlib",
    ),
}
"""Pages of the API: which modules of the package each shows."""

_FENCE = re.compile(r"^(```.*?^```|~~~.*?^~~~)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_BLOCK_FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_FORMULA = re.compile(r"(?<![\w$\[/\\])\$(?![\s/\])])([^$\n]*(?:\n[^$\n]+)?[^\s$\[])\$(?![\w/])")
_ROLE = re.compile(r":math:<code>(.*?)</code>")
_DIRECTIVE = re.compile(r"<p>\.\. math::\s*(.*?)</p>", re.DOTALL)
_formulas: list[str] = []


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that stand at the top of the repository, and those of the API."""
    for source, target in TOP_PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=_from_the_top(text)))
    for page, modules in API.items():
        entries = "\n".join(f"::: p2p_market.{module}\n" for module in modules)
        files.append(File.generated(config, f"api/{page}.md", content=f"# API: {page}\n\n{entries}"))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links at pages of the site, and put formulas aside until Markdown is through."""
    if page.file.src_uri.startswith("api/"):
        return markdown
    markdown = markdown.replace("](../CONTRIBUTING.md", "](contributing.md").replace("](../README.md", "](index.md")
    if "/" not in page.file.src_uri:  # what lies beside the docs is not on the site
        markdown = re.sub(r"\[([^\]]+)\]\(\.\./[^)]+\)", r"\1", markdown)
    parts = _FENCE.split(markdown)
    return "".join(part if _FENCE.match(part) else _with_marks(part) for part in parts)


def on_page_content(html: str, **_: Any) -> str:
    """Put formulas in as MathML, which browsers draw without a script."""
    html = re.sub(r"FORMULA(\d+)X", lambda found: _formulas[int(found.group(1))], html)
    html = _ROLE.sub(lambda found: _mathml(_plain(found.group(1)), "inline"), html)
    return _DIRECTIVE.sub(lambda found: _mathml(_plain(found.group(1)), "block"), html)


def _from_the_top(text: str) -> str:
    for source, target in TOP_PAGES.items():
        text = text.replace(f"]({source}", f"]({target}")
    return re.sub(r"\[([^\]]+)\]\(LICENSE\)", r"\1", text).replace("](docs/", "](")


def _with_marks(text: str) -> str:
    code: list[str] = []

    def keep(found: re.Match[str]) -> str:
        code.append(found.group(0))
        return f"\x00{len(code) - 1}\x00"

    text = _CODE.sub(keep, text)
    text = _BLOCK_FORMULA.sub(lambda found: _mark(found.group(1), "block"), text)
    text = _FORMULA.sub(lambda found: _mark(found.group(1), "inline"), text)
    return re.sub("\x00(\\d+)\x00", lambda found: code[int(found.group(1))], text)


def _mark(formula: str, display: str) -> str:
    _formulas.append(_mathml(" ".join(formula.split()), display))
    return f"FORMULA{len(_formulas) - 1}X"


def _mathml(formula: str, display: str) -> str:
    return str(convert(formula, display=display))


def _plain(html: str) -> str:
    for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        html = html.replace(entity, letter)
    return html
