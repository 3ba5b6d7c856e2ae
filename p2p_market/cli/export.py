"""``p2p-market export``: a learned policy for programs without this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from p2p_market.export import export_policy


def export(
    policy: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")],
    *,
    format: Annotated[str, tyro.conf.arg(metavar="FORMAT")] = "onnx",  # noqa: A002 (the option's name)
    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None,
) -> None:
    """Write a learned policy as a graph that other programs execute.

    Parameters
    ----------
    policy
        Folder of a training run, whose best policy it is, or a file best.npz.
    format
        onnx or torchscript.
    output
        File to write; default: beside the policy.
    """
    Console().print(f"written to {export_policy(policy, output, format=format)}", soft_wrap=True, highlight=False)
