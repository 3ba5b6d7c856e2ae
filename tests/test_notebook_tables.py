"""What objects look like in a notebook: tables that say what they are, escaped, and short however large the object."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest

import p2p_market
from p2p_market.comparison import compare
from p2p_market.notebook import MOST_ROWS, as_text, html_table
from p2p_market.training.run import TrainingResults

SMALL = {"data.days": 3, "data.num_homes": 8, "data.start": "2013-01-14"}


def cells(html: str) -> list[list[str]]:
    assert html.count("<table>") == 1
    assert html.count("<tr>") == html.count("</tr>")
    return [
        [unescape(cell) for cell in re.findall(r"<t[dh]>(.*?)</t[dh]>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", html)
    ]


def test_texts_are_escaped_and_rows_are_counted() -> None:
    html = html_table("<script>", ("a&b",), ([str(place)] for place in range(50)), 50)
    assert "<script>" not in html
    assert "<strong>&lt;script&gt;</strong>" in html
    assert cells(html) == [["a&b"], *([str(place)] for place in range(MOST_ROWS))]
    assert html.endswith("<p>and 30 more</p>")
    assert as_text(-1e-12) == "0.000"
    assert as_text(1234.5, 1) == "1,234.5"
    assert as_text(float("nan")) == as_text(None) == "-"


def test_a_clearing_of_one_market() -> None:
    clearing = p2p_market.clear(price=[0.30, 0.25, 0.10, 0.20], quantity=[1.0, 1.0, -1.0, -2.0])
    html = clearing._repr_html_()
    assert "Clearing: 2.000 kWh traded, clearing price" in html
    header, *rows = cells(html)
    assert header == ["order", "filled [kWh]", "price [$/kWh]", "payment [$]"]
    assert [float(row[1]) for row in rows] == clearing.filled.tolist()
    assert [float(row[3]) for row in rows] == pytest.approx(clearing.payment.tolist(), abs=1e-4)


def test_a_clearing_of_many_markets_is_short() -> None:
    price = np.tile([0.3, 0.1], (5, 100, 1))
    html = p2p_market.clear(price=price, quantity=np.tile([1.0, -1.0], (5, 100, 1)))._repr_html_()
    assert "Clearing of 5 x 100 markets of 2 orders" in html
    assert [row[0] for row in cells(html)[1:3]] == ["0, 0", "0, 1"]
    assert "and 480 more" in html


def test_a_participant_and_the_order_book() -> None:
    env = p2p_market.parallel_env(num_households=6, overrides=SMALL)
    env.reset(seed=0)
    participant = env.operator.participants[0]
    assert ["role", participant.role] in cells(participant._repr_html_())
    assert "last order" not in participant._repr_html_()
    for _ in range(24):
        env.step({agent: np.array([0.9, 1.0], dtype=np.float32) for agent in env.agents})
    rows = dict(cells(participant._repr_html_()))
    bid = participant.bid_action()
    assert bid is not None
    assert f"{abs(bid.quantity):.3f} kWh" in rows["last order"]
    assert float(rows["last bill [$]"]) == pytest.approx(participant.bill, abs=1e-4)
    transition = env.controller.transition
    assert transition is not None
    book = transition.context.get_orderbook()
    _, *levels = cells(book._repr_html_())
    prices = [float(row[1].replace(",", "")) for row in levels]
    assert prices == sorted(prices, reverse=True)  # asks above bids, the best next to each other
    assert [row[0] for row in levels] == ["ask"] * book.ask_price.size + ["bid"] * book.bid_price.size


def test_results(tmp_path: Path) -> None:
    results = p2p_market.run(num_households=4, overrides=SMALL | {"run.days": 1, "name": "mine"})
    html = results._repr_html_()
    assert "mine: 4 households, uniform_price" in html
    assert len(cells(html)) > 5
    base = {"data": {"days": 10}, "run": {"days": 1}}
    compared = compare({"base": base, "streets": {"one": {}}, "mechanisms": ["uniform_price", "vcg"], "sizes": [4]})
    assert [row[3] for row in cells(compared._repr_html_())] == ["mechanism", "uniform_price", "vcg"]
    row: dict[str, float | None] = {"update": 1.0, "agent_steps": 1000.0, "reward": 0.5, "validation_reward": 0.25}
    row["validation_saving_dollars"] = None
    trained = TrainingResults(tmp_path, [row, row | {"validation_reward": None}])
    assert cells(trained._repr_html_())[1:] == [["1", "1,000", "0.500", "0.250", "-"]]
    assert "2 updates" in trained._repr_html_()


@pytest.mark.slow
def test_evaluations() -> None:
    html = p2p_market.evaluate("zip", "street10-v0", split="validation")._repr_html_()
    assert cells(html)[1][0] == "zip"
    assert "street10-v0, validation" in html
