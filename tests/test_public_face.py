"""The public names are what they should be, whatever was imported before."""

from __future__ import annotations

import pickle
import subprocess
import sys
import types

import pytest

import p2p_market


@pytest.mark.parametrize(
    "before",
    [
        "p2p_market.parallel_env",
        "import p2p_market.env",
        "from p2p_market.env import AuctionEnv",
        "from p2p_market.vector_env import AuctionVectorEnv",
        "import p2p_market.make, p2p_market.experiment, p2p_market.auction.clear",
        "from p2p_market import p2p_market_v0",
        "from p2p_market import *",
    ],
)
def test_public_functions_are_not_hidden_by_modules_of_the_same_name(before: str) -> None:
    names = [name for name in p2p_market.__all__ if name not in ("__version__", "analysis")]
    code = f"import types, p2p_market\n{before}\nfor name in {names}:\n    f = getattr(p2p_market, name)\n"
    code += "    assert isinstance(f, types.FunctionType) and f.__name__ == name, (name, f)\n"
    code += "from p2p_market import env, vector_env\nassert callable(env) and callable(vector_env)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - our own code
    assert done.returncode == 0, done.stderr


def test_public_names() -> None:
    assert dir(p2p_market) == sorted(p2p_market.__all__)
    assert p2p_market.__version__.count(".") >= 2
    assert isinstance(p2p_market.analysis, types.ModuleType)
    with pytest.raises(AttributeError, match="module 'p2p_market' has no attribute 'paralel_env'"):
        _ = p2p_market.paralel_env


def test_a_function_that_names_the_package_can_be_pickled() -> None:
    """Libraries that start workers pickle functions with the modules that they use; those go by name."""
    assert pickle.loads(pickle.dumps(p2p_market)) is p2p_market  # noqa: S301 - our own
