"""The street of feeders that ships: its table is the one of the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import p2p_market

ROOT = Path(__file__).parents[2]
PRICED = {"network.rule": "scarcity_price", "network.scarcity_price_dollars_per_kwh": 1.0}


def figures(**overrides: Any) -> dict[str, float]:
    path = ROOT / "configs" / "feeder_limits.yaml"
    return p2p_market.run(path, overrides={"run.figures": False, "run.bounds": False, **overrides}).kpis


@pytest.mark.parametrize("rule", ["idle", "self_consumption", "time_of_use", "price_threshold"])
def test_the_table_of_the_page_is_what_runs(rule: str) -> None:
    street = {"population.storage": rule}
    free, cut, priced = (figures(**street, **more) for more in ({"network": None}, {}, PRICED))
    cells = [
        f"`{rule}`",
        f"{free['community_cost_dollars']:,.2f} $",
        f"{cut['community_cost_dollars']:,.2f} $",
        f"{cut['curtailed_kwh']:,.1f} kWh",
        f"{cut['shed_kwh']:,.1f} kWh",
        f"{priced['community_cost_dollars']:,.2f} $",
        f"{priced['scarcity_payment_dollars']:,.2f} $",
    ]
    page = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
    assert f"| {' | '.join(cells)} |" in page
    assert cut["feeder_peak_import_kw"] <= 14.0 + 1e-9
    assert cut["feeder_peak_export_kw"] == pytest.approx(12.0)
    if rule == "time_of_use":
        assert f"{priced['feeder_peak_import_kw']:.0f} kW on a feeder for 14" in page


def test_at_best_the_limits_cost_nothing() -> None:
    best = [figures(**{"run.bounds": True, **more})["optimal_cost_dollars"] for more in ({"network": None}, {}, PRICED)]
    cells = " | ".join(f"{cost:.2f} $" for cost in best[:2]) + f" | | | {best[2]:.2f} $ | |"
    assert f"| at best | {cells}" in (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
