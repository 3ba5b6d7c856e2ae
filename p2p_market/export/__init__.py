"""Learned policies for programs that have neither this package nor the library that trained them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from p2p_market.errors import ConfigError
from p2p_market.export.onnx_graph import onnx_model
from p2p_market.export.torchscript import torchscript_model
from p2p_market.learned import LearnedPolicy, load_policy, policy_file
from p2p_market.registry import Registry

FORMATS: Registry[Callable[[LearnedPolicy, str], bytes]] = Registry(
    "export format", {"onnx": onnx_model, "torchscript": torchscript_model}
)
"""From a policy, and what it says about itself in JSON, to the bytes of a file."""

_ENDINGS = {"onnx": ".onnx", "torchscript": ".pt"}


def export_policy(
    policy: LearnedPolicy | str | Path,
    output: str | Path | None = None,
    *,
    format: str = "onnx",  # noqa: A002 (the option's name)
) -> Path:
    """Write a learned policy as a graph that ONNX Runtime or LibTorch executes.

    The graph takes ``observations`` ``(B, N, F)`` float32 and gives ``actions``, float32 ``(B, N, A)`` cut to [-1, 1],
    or choices int64 ``(B, N)`` or ``(B, N, A)``, as `LearnedPolicy` does. ``N`` is free where all agents share one
    network, so that a household alone asks with ``(1, 1, F)``; otherwise it is that of the policy's agents. What the
    numbers mean goes with the file as JSON: `description`.

    Parameters
    ----------
    policy
        A policy, or where it is; see `p2p_market.learned.load_policy`.
    output
        The file to write; default: beside the policy, with the ending of the format.
    format
        ``"onnx"``, which needs the package onnx (extra ``export``), or ``"torchscript"``, which needs torch.

    Raises
    ------
    UnknownNameError
        For another format.
    ConfigError
        For a policy that cannot be read, or one in hand without ``output``.
    MissingExtraError
        Without the package that writes the format.
    """
    write = FORMATS[format]
    if output is None:
        if isinstance(policy, LearnedPolicy):
            raise ConfigError("output is None, and the policy is no file beside which to write; say where to")
        output = policy_file(policy).with_suffix(_ENDINGS[format])
    chosen = policy if isinstance(policy, LearnedPolicy) else load_policy(policy)
    content = write(chosen, json.dumps(description(chosen)))
    target = Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.write_bytes(content)
    os.replace(part, target)  # noqa: PTH105 (in one step)
    return target


def description(policy: LearnedPolicy) -> dict[str, Any]:
    """What a policy's numbers mean: features, action components, agents, groups and scales, in order."""
    return {
        "features": policy.features,
        "components": policy.components,
        "levels": policy.levels,
        "agents": policy.agents,
        "groups": {group: list(members) for group, members in policy.groups.items()},
        "reference_power_kw": policy.reference_power_kw,
        "max_quote_ratio": policy.max_quote_ratio,
        "about": dict(policy.about),
    }


__all__ = ["FORMATS", "description", "export_policy"]
