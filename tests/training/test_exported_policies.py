"""Exported policies: other runtimes choose what the policy itself does, and files say what they are about."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import policy_of
from streets import homes, street_vector_env

from p2p_market.cli import main
from p2p_market.errors import ConfigError, MissingExtraError, UnknownNameError
from p2p_market.export import export_policy

DATA = homes(12, 4)
POLICIES: dict[str, dict[str, Any]] = {
    "clip": {},
    "tanh": {"head": "tanh"},
    "soft_tanh": {"head": "soft_tanh"},
    "one choice": {"action": "discrete_price"},
    "choices": {"action": "multi_discrete"},
    "roles": {"agent_names": "role", "head": "tanh"},
    "roles, crossed": {"agent_names": "role", "crossed": True},
    "roles, choices": {"agent_names": "role", "action": "multi_discrete"},
}


def make(name: str) -> tuple[Any, np.ndarray]:
    """A policy and observations of three streets of five households, at noon."""
    keywords = dict(POLICIES[name])
    head, crossed = keywords.pop("head", "clip"), keywords.pop("crossed", False)
    env = street_vector_env(3, 5, DATA, **keywords)
    agents = tuple(env.agents)
    groups = None
    if "agent_names" in keywords:
        groups = {role: tuple(name for name in agents if name.startswith(role)) for role in ("consumer", "prosumer")}
    if crossed:
        groups = {"even": agents[::2], "odd": agents[1::2]}
    policy = policy_of(env, groups, head="choice" if env.controller.model.scenario.action_map.levels else head)
    rng = np.random.default_rng(1)
    return policy, rng.uniform(-1.0, 1.0, (3, 5, len(policy.features))).astype(np.float32)


def by_onnx(file: Path, observations: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    session = runtime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    (actions,) = session.run(["actions"], {"observations": observations})
    return actions, json.loads(session.get_modelmeta().custom_metadata_map["p2p_market"])


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def by_torch(file: Path, observations: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    torch = pytest.importorskip("torch", reason="needs torch")
    extra = {"p2p_market.json": ""}
    module = torch.jit.load(str(file), _extra_files=extra)
    with torch.no_grad():
        return module(torch.tensor(observations)).numpy(), json.loads(extra["p2p_market.json"])


RUNTIMES = {"onnx": ("onnx", by_onnx), "torchscript": ("torch", by_torch)}


@pytest.mark.parametrize("form", list(RUNTIMES))
@pytest.mark.parametrize("name", list(POLICIES))
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_other_runtimes_choose_the_same(name: str, form: str, tmp_path: Path) -> None:
    package, execute = RUNTIMES[form]
    pytest.importorskip(package, reason=f"needs {package}")
    policy, observations = make(name)
    file = export_policy(policy, tmp_path / "out" / "policy.bin", format=form)
    actions, about = execute(file, observations)
    expected = policy(observations)
    assert actions.shape == expected.shape
    assert actions.dtype == (np.float32 if policy.levels is None else np.int64)
    np.testing.assert_allclose(actions, expected, rtol=0.0, atol=1e-6)
    if policy.levels is None:
        assert (np.abs(expected) < 0.999).any()
    assert tuple(about["features"]) == policy.features
    assert tuple(about["components"]) == policy.components
    assert tuple(about["agents"]) == policy.agents
    assert about["levels"] == (None if policy.levels is None else list(policy.levels))
    assert (about["reference_power_kw"], about["about"]) == (10.0, {"name": "random"})
    assert [path.name for path in file.parent.iterdir()] == ["policy.bin"]


@pytest.mark.parametrize("form", list(RUNTIMES))
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_one_network_asks_for_as_many_households_as_there_are(form: str, tmp_path: Path) -> None:
    package, execute = RUNTIMES[form]
    pytest.importorskip(package, reason=f"needs {package}")
    policy, observations = make("tanh")
    file = export_policy(policy, tmp_path / "policy.bin", format=form)
    alone, _ = execute(file, observations[:1, :1])
    np.testing.assert_allclose(alone, policy(observations)[:1, :1], rtol=0.0, atol=1e-6)


def test_from_the_command_line_beside_the_policy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx", reason="needs onnx")
    policy, observations = make("clip")
    file = policy.save(tmp_path / "run" / "best.npz")
    assert main(["export", str(file.parent)]) == 0
    written = tmp_path / "run" / "best.onnx"
    assert capsys.readouterr().out == f"written to {written}\n"
    np.testing.assert_allclose(by_onnx(written, observations)[0], policy(observations), rtol=0.0, atol=1e-6)
    assert main(["export", str(file), "--output", str(tmp_path / "mine.onnx")]) == 0
    assert (tmp_path / "mine.onnx").read_bytes() == written.read_bytes()


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy, _ = make("clip")
    with pytest.raises(UnknownNameError, match="unknown export format 'onx'; did you mean 'onnx'"):
        export_policy(policy, tmp_path / "policy.onnx", format="onx")
    with pytest.raises(ConfigError, match="output is None, and the policy is no file beside which to write"):
        export_policy(policy)
    with pytest.raises(ConfigError, match="no learned policy is there"):
        export_policy(tmp_path / "none")
    for package, form, extra in (("onnx", "onnx", "export"), ("torch", "torchscript", "torchrl")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(MissingExtraError, match=rf"{package!r}, which is not installed.*p2p-market\[{extra}\]"):
            export_policy(policy, tmp_path / "policy.bin", format=form)
    assert list(tmp_path.iterdir()) == []
