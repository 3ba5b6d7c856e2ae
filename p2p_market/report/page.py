"""The page: sections put together from a template, with a policy that lets the browser ask nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template

from p2p_market._version import __version__
from p2p_market.report.runs import Run
from p2p_market.report.sheet import Drawn, inlined
from p2p_market.report.tables import headline, key_figures, promises, runs_table
from p2p_market.view.clock import span_name

_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src '{script}'; "
    "base-uri 'none'; form-action 'none'"
)


def page(runs: Sequence[Run], drawings: Sequence[Drawn], not_drawn: Sequence[tuple[str, str]]) -> str:
    """Put a report together.

    Parameters
    ----------
    runs
        What is reported.
    drawings
        The figures, in their order.
    not_drawn
        Titles of figures that are missing, each with the reason.
    """
    style, script = (files("p2p_market.report").joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    sections = _sections(runs, drawings, not_drawn)
    contents = "".join(f'<a href="#{name}">{escape(title)}</a>' for name, title, _ in sections)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    names = [run.label for run in runs]
    title = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    several = any(_num_markets(run) > 1 for run in runs)
    template = Template(files("p2p_market.report").joinpath("page.html").read_text("utf-8"))
    return template.substitute(
        policy=_POLICY.format(script=f"sha256-{digest}"),
        version=escape(__version__),
        title=escape(title),
        lead=escape(_lead(runs)),
        style=style,
        script=script,
        contents=contents,
        notes=_notes(runs),
        sections="\n".join(f'<section id="{name}">{body}</section>' for name, _, body in sections),
        markets="Figures show the first of several markets; key figures are means over all." if several else "",
    )


def _sections(
    runs: Sequence[Run], drawings: Sequence[Drawn], not_drawn: Sequence[tuple[str, str]]
) -> list[tuple[str, str, str]]:
    """Name, title and content of each section."""
    made = []
    figures = key_figures(runs)
    folded = f'<details><summary>all key figures</summary><div class="table">{figures}</div></details>'
    if len(runs) == 1 and figures:
        tiles = f'<dl class="tiles">{headline(runs[0])}</dl>'
        made.append(("headline", "Headline", f"<h2>Headline</h2>{tiles}{folded}"))
    elif len(runs) > 1:
        body = f'<h2>Runs</h2><div class="table">{runs_table(runs)}</div>{folded if figures else ""}'
        made.append(("headline", "Runs", body))
    for drawn in drawings:
        caption = f"<figcaption>{escape(drawn.caption)}</figcaption>"
        made.append((drawn.name, drawn.title, f'<figure><div class="drawing">{inlined(drawn)}</div>{caption}</figure>'))
    mechanisms = promises(runs)
    if mechanisms:
        plural = "s" if len({run.mechanism for run in runs}) > 1 else ""
        title = f"What the mechanism{plural} promise{'' if plural else 's'}"
        made.append(("promises", title, f'<h2>{title}</h2><div class="table">{mechanisms}</div>'))
    if not_drawn:
        items = "".join(f"<li><strong>{escape(title)}</strong>: {escape(reason)}</li>" for title, reason in not_drawn)
        made.append(("not-drawn", "Not drawn", f'<h2>Not drawn</h2><div class="notdrawn"><ul>{items}</ul></div>'))
    return made


def _lead(runs: Sequence[Run]) -> str:
    if len(runs) > 1:
        return f"{len(runs)} runs side by side; differences are to the first, {runs[0].label}."
    run = runs[0]
    words = [run.mechanism] if run.mechanism else []
    if run.lacks({"households": ("household", "bill_dollars", "grid_only_bill_dollars")}) is None:
        number = run.homes.height
        words.append("1 household" if number == 1 else f"{number} households")
    if run.lacks({"intervals": ("start",)}) is None:
        words.append(span_name(run.intervals["start"][0], run.intervals["start"][-1]))
    if not run.is_simulated:
        words.append("a training")
    return ", ".join(words)


def _notes(runs: Sequence[Run]) -> str:
    notes = [f"{run.label}: {note}" if len(runs) > 1 else note for run in runs for note in run.notes]
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<section class="notes" role="status"><h2>Please note</h2><ul>{items}</ul></section>'


def _num_markets(run: Run) -> int:
    section = run.config.get("run")
    number = section.get("num_markets", 1) if isinstance(section, dict) else 1
    return number if isinstance(number, int) else 1
