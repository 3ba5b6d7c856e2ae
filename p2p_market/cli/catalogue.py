"""``p2p-market list`` and ``p2p-market validate``: what there is, and what is wrong with a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from p2p_market.catalogue import registries
from p2p_market.cli.options import Assignments, read_overrides
from p2p_market.config_loading import load_config
from p2p_market.registry import Registry


def list_parts(
    kind: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="KIND", help_behavior_hint="")] = None,
) -> None:
    """List every registered mechanism, observation, action map, reward, policy, tariff and task.

    Parameters
    ----------
    kind
        Show one kind only, e.g. mechanisms.
    """
    known = Registry("kind of part", registries())
    shown = {kind: known[kind]} if kind else dict(known)
    console = Console()
    for title, registry in shown.items():
        table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for name in registry:
            table.add_row(name, registry.summary(name))
        console.print(table)
        console.print()


def validate(
    config: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CONFIG")],
    *,
    set: Assignments = (),  # noqa: A002 (the option's name)
) -> None:
    """Check a configuration, its data included, and say what is wrong or what it would run.

    Parameters
    ----------
    config
        YAML file.
    set
        Values to change, e.g. --set market.mechanism=pay_as_bid.
    """
    checked = load_config(config, read_overrides(set))

    from p2p_market.build import build_controller  # noqa: PLC0415 (a wrong key is told before data is loaded)
    from p2p_market.run_power_flow import prepare_power_flow  # noqa: PLC0415 (the same)

    feeder = prepare_power_flow(checked)
    controller = build_controller(checked)
    container = controller.model.data_container
    summary: dict[str, Any] = {
        "data": f"{container.num_households} households, {container.num_intervals} intervals of "
        f"{container.interval_minutes} minutes from {container.calendar.start[0]}",
        "street": f"{controller.get_size()[1]} households, {sum(controller.model.scenario.street.is_prosumer)} with PV",
        "market": checked.market.mechanism,
        "learners": controller.num_learners,
        "episode": f"{controller.horizon} intervals",
    }
    if feeder is not None:
        summary["feeder"] = f"{feeder.name}, {len(feeder.nodes)} nodes, households at {len(feeder.connections)} of them"
    console = Console()
    console.print(f"{config} is valid", style="bold")
    for label, text in summary.items():
        console.print(f"  {label}: {text}")
