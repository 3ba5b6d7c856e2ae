"""Tables of a report: headline numbers, key figures, promises of mechanisms; every text from data is escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import NamedTuple

from p2p_market.auction.mechanisms import MECHANISMS, Mechanism
from p2p_market.kpis import KPIS, unit_of
from p2p_market.report.runs import Run
from p2p_market.view.clock import span_name


class Tile(NamedTuple):
    """A headline number: what it is, the number, and a remark."""

    label: str
    number: str
    remark: str


HEADLINES = (
    "community_cost_dollars",
    "grid_only_cost_dollars",
    "community_saving_dollars",
    "optimal_cost_dollars",
    "value_captured",
    "saving_mean_dollars",
    "share_better_off",
    "traded_kwh",
    "mean_price_dollars_per_kwh",
    "allocative_efficiency",
    "self_sufficiency",
    "self_consumption",
    "grid_import_kwh",
    "peak_import_kw",
    "gini",
)
"""Key figures of the table that compares runs, the most telling first."""
_BUDGET = {
    "strong": "payments sum to 0",
    "weak": "the operator never pays",
    "grid": "payments sum to what the pool pays the grid",
    "deficit": "the operator may have to pay",
}
_PROMISES: Sequence[tuple[str, str, Callable[[Mechanism], str]]] = (
    (
        "individually rational",
        "nobody that trades loses against its own report; under a pool rule, against the grid alone",
        lambda entry: _yes(entry.promises.individually_rational),
    ),
    ("budget", "before fees", lambda entry: _BUDGET[entry.promises.budget]),
    (
        "efficient",
        "the welfare of the reports is as large as it can be",
        lambda entry: _yes(entry.promises.efficient),
    ),
    (
        "truthful in price",
        "no other price of one household gains it anything",
        lambda entry: "not asked" if entry.is_pool else _yes(entry.promises.truthful_in_price),
    ),
    (
        "truthful in quantity",
        "no other quantity of one household gains it anything",
        lambda entry: "one lot" if entry.promises.unit_lots else _yes(entry.promises.truthful_in_quantity),
    ),
    (
        "independent of order",
        "the result does not depend on the order in which bids arrive",
        lambda entry: _yes(entry.promises.order_independent),
    ),
    (
        "independent of splitting",
        "two orders of one price are worth as much as one",
        lambda entry: _yes(entry.promises.split_independent),
    ),
    ("draws lots", "chance decides, even without ties", lambda entry: _yes(entry.promises.uses_random_numbers)),
)


def headline(run: Run) -> str:
    """Headline numbers of one run as tiles, with the comparison to the grid alone and the optimum."""
    return "\n".join(
        f'<div class="tile"><dt>{escape(tile.label)}</dt><dd><strong>{escape(tile.number)}</strong>'
        f"<span>{escape(tile.remark)}</span></dd></div>"
        for tile in tiles(run.kpis)
    )


def tiles(kpis: Mapping[str, float]) -> list[Tile]:
    """The headline numbers that the key figures allow."""
    made = []

    def add(name: str, label: str, remark: str, *needs: str) -> None:
        if name in kpis and all(need in kpis for need in needs):
            made.append(Tile(label, number(name, kpis[name]), remark.format_map(_Words(kpis))))

    add(
        "community_cost_dollars",
        "cost of the street",
        "{grid_only_cost_dollars} with the grid alone",
        "grid_only_cost_dollars",
    )
    add("optimal_cost_dollars", "least possible cost", "{value_captured} of that saving was reached", "value_captured")
    add(
        "community_saving_dollars",
        "saved by the street",
        "{saving_mean_dollars} a household on average",
        "saving_mean_dollars",
    )
    add("share_better_off", "households better off", "the worst saved {saving_worst_dollars}", "saving_worst_dollars")
    add("traded_kwh", "traded between neighbours", "of {demand_kwh} demand", "demand_kwh")
    add(
        "mean_price_dollars_per_kwh",
        "mean price",
        "{allocative_efficiency} of the possible gains",
        "allocative_efficiency",
    )
    add("self_sufficiency", "self-sufficiency", "{self_consumption} of the PV stayed here", "self_consumption")
    add("peak_import_kw", "largest import", "{grid_import_kwh} from the grid in all", "grid_import_kwh")
    return made


class _Words(dict[str, str]):
    """Key figures as texts by name."""

    def __init__(self, kpis: Mapping[str, float]) -> None:
        super().__init__({name: number(name, value) for name, value in kpis.items()})


def number(name: str, value: float) -> str:
    """A key figure for people: shares in percent, the unit behind."""
    unit = unit_of(name)
    value = round(value, 9) + 0.0
    if unit == "1":
        is_share = name in _SHARES
        return f"{100.0 * value:.1f} %" if is_share else f"{value:.3f}"
    decimals = {"$/kWh": 4, "$": 2, "kWh": 1, "kW": 2, "p.u.": 4, "%": 1}[unit]
    return f"{value:,.{decimals}f} {unit}"


_SHARES = frozenset(
    name
    for name in KPIS
    if name.endswith("share")
    or name in ("share_better_off", "self_sufficiency", "self_consumption", "allocative_efficiency", "value_captured")
)


def key_figures(runs: Sequence[Run]) -> str:
    """All key figures: a column a run, the headline ones first."""
    names = [name for name in (*HEADLINES, *KPIS) if any(name in run.kpis for run in runs)]
    names += [name for run in runs for name in run.kpis if name not in KPIS]
    rows = []
    for name in dict.fromkeys(names):
        cells = "".join(f"<td>{escape(number(name, run.kpis[name])) if name in run.kpis else '-'}</td>" for run in runs)
        rows.append(f'<tr><th scope="row">{escape(_name_of(name))}</th>{cells}</tr>')
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(run.label)}</th>' for run in runs)
    return (
        f'<table><thead><tr><th scope="col">key figure</th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _name_of(kpi: str) -> str:
    name = kpi
    for ending in ("_dollars_per_kwh", "_dollars", "_kwh", "_kw", "_pu", "_percent"):
        name = name.removesuffix(ending)
    return name.replace("_", " ")


def promises(runs: Sequence[Run]) -> str:
    """What the mechanisms of the runs promise, a column each."""
    names = [name for name in dict.fromkeys(run.mechanism for run in runs) if name]
    if not names:
        return ""
    known = {name: MECHANISMS[name] if name in MECHANISMS else None for name in names}  # noqa: SIM401 (its get raises)
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = ['<tr><th scope="row">what it is</th>']
    rows += [
        f"<td>{escape(MECHANISMS.summary(name) if entry else 'not registered here')}</td>"
        for name, entry in known.items()
    ]
    rows.append("</tr>")
    for title, meaning, cell in _PROMISES:
        cells = "".join(f"<td>{escape(cell(entry)) if entry else '-'}</td>" for entry in known.values())
        rows.append(f'<tr><th scope="row">{escape(title)}<small>{escape(meaning)}</small></th>{cells}</tr>')
    return (
        f'<table class="words"><thead><tr><th scope="col">property</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def runs_table(runs: Sequence[Run]) -> str:
    """What was run: a line a run."""
    rows = []
    for run in runs:
        has_times = run.lacks({"intervals": ("start",)}) is None
        span = span_name(run.intervals["start"][0], run.intervals["start"][-1]) if has_times else "-"
        homes = run.homes.height if run.lacks({"households": ("household", *_BILLS)}) is None else 0
        cells = (run.label, run.mechanism or "-", str(homes or "-"), span, _population(run), str(run.folder))
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    heads = "".join(
        f'<th scope="col">{head}</th>' for head in ("run", "mechanism", "households", "days", "bidders", "folder")
    )
    return f'<table class="words"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


_BILLS = ("bill_dollars", "grid_only_bill_dollars")


def _population(run: Run) -> str:
    section = run.config.get("run")
    policy = section.get("policy") if isinstance(section, Mapping) else None
    if isinstance(policy, Mapping):
        return ", ".join(f"{name}: {share}" for name, share in policy.items())
    return str(policy) if policy else "-"


def _yes(promise: bool) -> str:
    return "yes" if promise else "no"
