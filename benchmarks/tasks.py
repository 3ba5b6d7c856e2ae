"""Reference scores of the tasks, for docs/tasks.md: every rule in all houses, by the tasks' own protocol.

    python -m benchmarks.tasks            # print; some minutes
    python -m benchmarks.tasks --write    # into the page
    python -m benchmarks.tasks --quick    # few episodes, only to see that it runs

Shown are the grid alone, zero intelligence, the truth and ZIP, with idle batteries where there are any, the rule that
saves most of all (on storage tasks the pair of bidding and storage rule), and where it can be worked out what each
household can do alone and the optimum. Results do not depend on the machine.
"""

from __future__ import annotations

import argparse

import p2p_market
from benchmarks.pages import ROOT, write_between_marks
from p2p_market.evaluation import EvaluationResults
from p2p_market.policies import POLICIES
from p2p_market.policies.planners import PLANNERS
from p2p_market.policies.storage import STORAGE_RULES
from p2p_market.tasks import find_task, task_names

PAGE = ROOT / "docs" / "tasks.md"
SHOWN = ("grid_only", "zero_intelligence", "zip", "truthful")
LARGE = 100  # households, from which on best responses to a whole book, one a household, take too long
HEADER = ("player", "bill", "saving", "to truthful", "c/kWh", "exploitability")


def players_of(name: str) -> list[tuple[str, str | None]]:
    """Every policy with every storage rule, where the task has batteries; those that plan are no rules."""
    config = find_task(name).configuration()
    num_households = config.street.num_households
    assert num_households is not None
    policies = [policy for policy in POLICIES if policy != "best_response" or num_households <= LARGE]
    policies = [policy for policy in policies if not POLICIES[policy].reads_plan]
    rules: list[str | None] = [rule for rule in STORAGE_RULES if rule not in PLANNERS] if config.devices else [None]
    return [(policy, rule) for policy in policies for rule in rules]


def scores(name: str, episodes: int | None = None) -> str:
    """The table of a task."""
    task = find_task(name)
    savings = {}
    for policy, rule in players_of(name):
        results = p2p_market.evaluate(policy, name, storage=rule, references=False, bounds=False, episodes=episodes)
        savings[policy, rule] = float(results.summary["saving_dollars"][0])
    best = max(savings, key=lambda player: savings[player])
    idle = None if None in {rule for _, rule in savings} else "idle"
    players = [(policy, idle) for policy in SHOWN]
    if best not in players:
        players.append(best)

    is_storage = task.judged_by == "value_captured"
    header = [*HEADER, *(["value captured"] if is_storage else [])]
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    for policy, rule in players:
        results = p2p_market.evaluate(policy, name, storage=rule, episodes=episodes, name="player")
        alone = p2p_market.evaluate(
            policy, name, storage=rule, episodes=episodes, references=False, bounds=False, exploitability=True
        )
        row = results.summary.row(0, named=True)
        label = f"`{policy}`" if rule in (None, "idle") else f"`{policy}` + `{rule}`"
        difference = "0"
        if policy != "truthful" or rule not in (None, "idle"):
            low, high = row["to_truthful_low"], row["to_truthful_high"]
            difference = f"{100 * row['to_truthful_dollars']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
        cells = [
            f"{label}, the best" if (policy, rule) == best else label,
            f"{100 * row['bill_dollars']:.1f}",
            f"{100 * row['saving_dollars']:.1f}",
            difference,
            "" if row["price_dollars_per_kwh"] is None else f"{100 * row['price_dollars_per_kwh']:.1f}",
            f"{100 * alone.summary['exploitability_dollars'][0]:.2f}",
            *([f"{100 * row['value_captured']:.1f} %"] if is_storage else []),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    if is_storage:
        lines += _bounds(results)
    return "\n".join(lines)


def _bounds(results: EvaluationResults) -> list[str]:
    """Rows of what each household can do alone, without trade, and of the optimum."""
    rows = []
    for row in results.summary.tail(2).iter_rows(named=True):
        bill, saving, captured = (100 * row[name] for name in ("bill_dollars", "saving_dollars", "value_captured"))
        rows.append(f"| {row['player']} | {bill:.1f} | {saving:.1f} | | | | {captured:.1f} % |")
    return rows


def main() -> None:
    """Print all tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write into docs/tasks.md")
    parser.add_argument("--quick", action="store_true", help="two episodes of the smallest tasks")
    parser.add_argument("names", nargs="*", metavar="NAME", help="tasks; all by default")
    arguments = parser.parse_args()
    names = arguments.names or (["street10-v0", "storage10-v0"] if arguments.quick else task_names())
    for name in names:
        table = scores(name, 2 if arguments.quick else None)
        print(f"\n{name}\n\n{table}", flush=True)
        if arguments.write:
            write_between_marks(PAGE, f"scores of {name}", table)


if __name__ == "__main__":
    main()
