"""The order of the layers: who may import whom, and what `import p2p_market` may cost."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "p2p_market"

# Where a part of the package stands; imports go from a larger number to a smaller or equal one.
LAYERS = {
    "_version": 0,
    "types": 0,
    "errors": 0,
    "registry": 0,
    "notebook": 0,
    "checks": 0,
    "output": 0,
    "shares": 0,
    "yaml_files": 0,
    "randomness": 0,
    "auction": 1,
    "analysis": 2,
    "data": 1,
    "tariff_plans": 1,
    "tariffs": 1,
    "devices": 1,
    "power_flow": 1,
    "kpis": 2,
    "network": 1,
    "bounds": 2,
    "scenario": 2,
    "model": 3,
    "rewards": 4,
    "shaping": 4,
    "social_rewards": 4,
    "policies": 4,
    "participant": 4,
    "recorder": 4,
    "market_metrics": 4,
    "metrics": 4,
    "view": 5,
    "controller": 5,
    "env": 6,
    "vector_env": 6,
    "config": 7,
    "config_base": 7,
    "config_network": 7,
    "config_power_flow": 7,
    "config_loading": 7,
    "tasks": 7,
    "catalogue": 7,
    "data_loading": 8,
    "build": 8,
    "build_network": 8,
    "build_population": 8,
    "make": 9,
    "p2p_market_v0": 9,
    "registration": 9,
    "results": 9,
    "run_bounds": 9,
    "run_power_flow": 9,
    "experiment": 10,
    "integrations": 10,
    "learned": 4,
    "export": 5,
    "learned_players": 5,
    "config_data": 7,
    "config_market": 7,
    "config_train": 7,
    "config_values": 7,
    "training": 11,
    "comparison": 11,
    "replay": 11,
    "evaluation": 11,
    "report": 12,
    "cli": 12,
}
# What an environment over synthetic data can do without.
HEAVY = ("polars", "pandas", "pydantic", "yaml", "rich", "tyro", "matplotlib", "plotly", "scipy", "torch", "pooch")
LEARNS = ("torch", "torchrl", "tensordict", "stable_baselines3", "pufferlib", "benchmarl", "hydra", "minari", "onnx")
READS_FRAMES = ("analysis", "comparison", "data", "results", "experiment", "evaluation", "view", "cli", "build")
HEAVY += ("power_grid_model",)
READS_FRAMES += ("power_flow", "run_power_flow", "replay", "report")
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path, *, late: bool = True) -> Iterator[tuple[str, int]]:
    """Names of the modules that a file imports, with the line; not those for type checking only."""

    def visit(node: ast.AST) -> Iterator[tuple[str, int]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not late:
                continue
            if isinstance(child, ast.Import):
                yield from ((alias.name, child.lineno) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}, line {child.lineno}: relative import"
                yield child.module or "", child.lineno
            else:
                yield from visit(child)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")))


def part_of(path: Path) -> str:
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_along_the_layers(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        return  # loads names when they are first used
    assert part in LAYERS, f"{part}: say in this test which layer it belongs to"
    for name, line in imports(path, late=False):
        words = name.split(".")
        if words[0] == "p2p_market" and len(words) > 1:
            above = LAYERS[words[1]] > LAYERS[part]
            assert not above, f"{path}, line {line}: {part} imports {name}, which stands above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_where_they_belong(path: Path) -> None:
    part = part_of(path)
    for name, line in imports(path):
        place = f"{path}, line {line}: {part} imports {name}"
        library = name.split(".", maxsplit=1)[0]
        if library == "pettingzoo":
            assert part in ("env", "make", "registration", "integrations"), place
        if library == "gymnasium":
            assert part in ("scenario", "env", "vector_env", "make", "registration", "integrations"), place
        if library in LEARNS:
            assert part in ("integrations", "training", "export"), place
    if part not in READS_FRAMES:
        for name, line in imports(path):
            assert name.split(".", maxsplit=1)[0] not in ("polars", "pandas"), f"{path}, line {line}: imports {name}"


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - our own code
    return done.stdout


@pytest.mark.parametrize(
    "first",
    ["import p2p_market", "from p2p_market.env import AuctionEnv; from p2p_market.vector_env import AuctionVectorEnv"],
)
def test_what_the_environment_imports_is_light(first: str) -> None:
    loaded = python(f"import sys; {first}; print(*sys.modules)").split()
    assert "p2p_market" in loaded
    heavy = [name for name in HEAVY if name in loaded]
    assert heavy == [], f"loaded by {first!r}: {heavy}"


def test_import_adds_little_to_its_three_libraries() -> None:
    code = "import time, numpy, gymnasium, pettingzoo; t = time.perf_counter(); import p2p_market; "
    code += "print(time.perf_counter() - t)"
    seconds = [float(python(code)) for _ in range(3)]
    assert statistics.median(seconds) < 0.4


def test_making_an_environment_reads_no_frames() -> None:
    """A clock would say little here; what is loaded says all: no frame library for synthetic data."""
    code = (
        "import sys, p2p_market; p2p_market.parallel_env(overrides={'data.days': 3}).reset(seed=0); print(*sys.modules)"
    )
    loaded = python(code).split()
    assert [name for name in ("polars", "pandas", "matplotlib", "scipy", "rich", "tyro") if name in loaded] == []
