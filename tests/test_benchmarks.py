"""The logic of the benchmarks that can be wrong; that they run is what ``make bench-smoke`` sees."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import p2p_market

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # at the end, so that p2p_market stays the installed one

books, cases, measure, pages, peers, ratios, report, speed = (
    importlib.import_module(f"benchmarks.{name}")
    for name in ("books", "cases", "measure", "pages", "peers", "ratios", "report", "speed")
)


def test_every_case_has_a_key_of_its_own_and_is_measured_by_something() -> None:
    everything = cases.cases()
    keys = [case.key for case in everything]
    assert len(set(keys)) == len(keys)
    assert {case.phase for case in everything} == set(speed.MEASURES)


def test_headlines_are_of_cases() -> None:
    assert set(cases.HEADLINES) <= {case.key for case in cases.cases()}


def test_quick_cases_are_the_same_work_made_small_and_without_goals() -> None:
    quick = cases.cases(quick=True)
    assert [(case.phase, case.what, case.book) for case in quick] == [
        (case.phase, case.what, case.book) for case in cases.cases()
    ]
    assert not any(case.goals for case in quick)
    assert all(case.num_markets * case.num_households <= 100_000 for case in quick)


def test_groups_choose_their_cases() -> None:
    assert {case.phase for case in cases.cases(("single", "step"))} == {"single", "step", "reset"}


def test_the_record_is_of_the_cases() -> None:
    assert set(ratios.read_record()) == {case.key for case in cases.cases() if case.is_recorded}


@pytest.mark.parametrize(
    ("figure", "value", "is_met"), [("rate", 4.0, True), ("rate", 2.0, False), ("ratio", 2.0, True)]
)
def test_a_rate_has_to_be_large_and_the_rest_small(figure: str, value: float, is_met: bool) -> None:
    assert cases.Goal(figure, 3.0).is_met(value) == is_met


def test_figures_of_a_row() -> None:
    row = cases.Row(cases.Case("core", "uniform_price", "np.argsort"), cost=2.0, floor=0.5, count=6.0)
    assert [row.value(figure) for figure in ("rate", "cost", "ratio", "excess")] == [3.0, 2.0, 4.0, 1.5]


@pytest.mark.parametrize(("new", "has_moved"), [(1.0, False), (1.25, False), (1.26, True), (0.8, False), (0.79, True)])
def test_ratios_move_alike_in_both_directions(new: float, has_moved: bool) -> None:
    moves = ratios.moved({"a": 1.0}, {"a": new})
    assert [move.key for move in moves] == (["a"] if has_moved else [])


def test_moves_say_what_moved_and_how() -> None:
    moves = ratios.moved({"slower": 2.0, "faster": 3.0, "gone": 1.0}, {"slower": 3.0, "faster": 2.0, "new": 1.0})
    assert [str(move) for move in moves] == [
        "slower: 2 -> 3 times its floor, 1.50 times as costly",
        "faster: 3 -> 2 times its floor, 1.50 times as cheap",
        "gone: in the record, and no longer measured",
        "new: 1 times its floor, not in the record",
    ]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "ratios.json"
    assert ratios.read_record(path) == {}
    ratios.write_record({"a": 1.23456, "b": 0.000123456}, "a machine", path)
    assert ratios.read_record(path) == {"a": 1.23, "b": 0.000123}
    assert json.loads(path.read_text(encoding="utf-8"))["machine"] == "a machine"
    assert list(tmp_path.iterdir()) == [path]


def test_what_seems_to_have_moved_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    steady, noisy, slower = (cases.Case("core", what, "np.argsort") for what in ("steady", "noisy", "slower"))
    again = {noisy: cases.Row(noisy, cost=1.1, floor=1.0), slower: cases.Row(slower, cost=2.2, floor=1.0)}
    monkeypatch.setattr(speed, "MEASURES", {"core": lambda case, _: again[case]})
    monkeypatch.setattr(speed, "cases", lambda _: [steady, noisy, slower])
    monkeypatch.setattr(speed, "read_record", lambda: {case.key: 1.0 for case in (steady, noisy, slower)})
    rows = [cases.Row(case, cost, 1.0) for case, cost in ((steady, 1.0), (noisy, 2.0), (slower, 2.0))]
    assert not speed.compare(rows, ("core",), measure.Effort())
    assert speed.compare(rows[:2], ("core",), measure.Effort()) is False  # the third is missed
    monkeypatch.setattr(speed, "read_record", lambda: {case.key: 1.0 for case in (steady, noisy)})
    assert speed.compare(rows[:2], ("core",), measure.Effort())


def test_medians_of_calls_in_turn() -> None:
    counts = {"short": 0, "long": 0}

    def call(name: str, size: int) -> None:
        counts[name] += 1
        sum(range(size))

    seconds = measure.medians({"short": lambda: call("short", 10), "long": lambda: call("long", 100_000)}, 0.0)
    assert 0.0 < seconds["short"] < seconds["long"]
    assert min(counts.values()) > measure.FEWEST_SAMPLES


@pytest.mark.parametrize("shape", books.SHAPES)
def test_the_book_walk_trades_as_much_as_the_market(shape: str) -> None:
    book = books.draw_book(shape, 5, 40)
    clearing = p2p_market.clear(book.price, book.quantity)
    for market, lists in enumerate(book.as_lists()):
        price, filled = books.book_walk(*lists)
        assert np.maximum(filled, 0.0).sum() == pytest.approx(clearing.traded[market])
        if clearing.traded[market] == 0.0:
            assert np.isnan(price)
        limit, side = book.price[market][np.abs(filled) > 0.0], np.sign(filled)[np.abs(filled) > 0.0]
        assert (side * (limit - price) >= 0.0).all()  # nobody buys above, or sells below, what it named


def test_books_on_the_grid_are_whole_ticks_and_watt_hours() -> None:
    grid = books.draw_book("random", 3, 50).on_grid()
    assert (grid.price == np.round(grid.price, 4)).all()
    assert (grid.quantity == np.round(grid.quantity, 3)).all()
    assert (books.draw_book("one-sided", 3, 50).quantity > 0.0).all()
    with pytest.raises(ValueError, match="shape is 'round'"):
        books.draw_book("round", 1, 1)


def test_tables_go_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- speed: begin -->\nold\n<!-- speed: end -->\nafter\n", encoding="utf-8")
    pages.write_between_marks(page, "speed", "new")
    expected = "before\n<!-- speed: begin -->\n\nnew\n\n<!-- speed: end -->\nafter\n"
    assert page.read_text(encoding="utf-8") == expected
    with pytest.raises(ValueError, match=re.escape("'<!-- other: begin -->'")):
        pages.write_between_marks(page, "other", "new")


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.56e6, "4.56 M"), (123_400.0, "123 k"), (12.0, "12.0"), (0.0005, "500 µ"), (0.0, "0.00")],
)
def test_numbers_have_three_figures(value: float, text: str) -> None:
    assert report.number(value) == text


def test_a_goal_that_is_not_met_stands_out() -> None:
    goals = (cases.Goal("rate", 5e6), cases.Goal("ratio", 3.0))
    row = cases.Row(cases.Case("core", "uniform_price", "np.argsort", 300, 10, goals=goals), 1e-3, 5e-4, 3000, "orders")
    assert report.cells(row)[-1] == "at least 5.00 M/s: not met; at most 3 x: met"
    assert "at least 5.00 M/s: **not met**" in report.markdown([row])
    assert report.summary([row]).startswith("1 of 2 goals met\n  core, uniform_price, 10 x 300: at least 5.00 M/s")


def test_a_peer_that_fails_is_reported_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text("raise ImportError('no module of that name')", encoding="utf-8")
    peer = peers.Peer("fails", (), "fails.py", mechanisms=(("theirs", "uniform_price"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "SCRIPTS", tmp_path)
        patch.setattr(peers, "install", lambda *_: (Path(sys.executable), "1.0"))
        assert (
            peers.compare(peer, tmp_path, (10,)) == "**fails**: did not run here: ImportError: no module of that name"
        )
