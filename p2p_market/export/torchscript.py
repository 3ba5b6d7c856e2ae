"""TorchScript: a learned policy as a traced module, for LibTorch and `torch.jit.load`."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np

from p2p_market.errors import require_extra
from p2p_market.learned import LearnedPolicy


def torchscript_model(policy: LearnedPolicy, description: str) -> bytes:
    """The policy as a TorchScript module, its description beside it as the extra file ``p2p_market.json``.

    Raises
    ------
    MissingExtraError
        Without PyTorch.
    """
    try:
        import torch  # noqa: PLC0415 (optional)
    except ImportError as error:
        raise require_extra("torch", "torchrl", "the export format torchscript") from error
    example = torch.zeros(1, len(policy.agents), len(policy.features))
    content = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole, in favour of torch.export
        module = torch.jit.trace(_module(torch, policy), example)
        torch.jit.save(module, content, _extra_files={"p2p_market.json": description})
    return content.getvalue()


def _module(torch: Any, policy: LearnedPolicy) -> Any:
    nn = torch.nn

    class Policy(nn.Module):  # type: ignore[misc, name-defined]  # PyTorch's types are not checked here
        def __init__(self) -> None:
            super().__init__()
            self.networks = nn.ModuleList([_network(torch, policy.networks[group]) for group in policy.places])
            places = list(policy.places.values())
            for number, of in enumerate(places):
                self.register_buffer(f"places_{number}", torch.as_tensor(of))
            self.register_buffer("order", torch.as_tensor(np.argsort(np.concatenate(places))))

        def forward(self, observations: Any) -> Any:
            if policy.shares_one_network:
                values = self.networks[0](observations)
            else:
                parts = [
                    network(observations.index_select(1, getattr(self, f"places_{number}")))
                    for number, network in enumerate(self.networks)
                ]
                values = torch.cat(parts, dim=1).index_select(1, self.order)
            if policy.levels is not None:
                parts = torch.split(values, list(policy.levels), dim=2)
                choices = torch.stack([part.argmax(dim=2) for part in parts], dim=2)
                return choices.squeeze(2) if len(policy.levels) == 1 else choices
            if policy.head == "clip":
                return values.clamp(-1.0, 1.0)
            return torch.tanh(5.0 * torch.tanh(values / 5.0) if policy.head == "soft_tanh" else values)

    return Policy().eval()


def _network(torch: Any, network: Any) -> Any:
    layers: list[Any] = []
    for weight, bias in zip(network.weights, network.biases, strict=True):
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data, layer.bias.data = torch.tensor(weight.T), torch.tensor(bias)
        layers += [layer, torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])
