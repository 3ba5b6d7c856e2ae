"""Step a street with CityLearn: ``citylearn_step.py STREET.npz`` prints seconds to build it, and seconds a step.

Every building has the given demand and PV, and a battery, which is what its agent acts on.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from citylearn.citylearn import CityLearnEnv

OBSERVATIONS = (
    "hour",
    "day_type",
    "electricity_pricing",
    "non_shiftable_load",
    "solar_generation",
    "electrical_storage_soc",
    "net_electricity_consumption",
)
NUM_STEPS = 20


def with_predictions(*names: str, length: int, value: float) -> pd.DataFrame:
    """Columns of one value, and of its predictions."""
    endings = ("", "_predicted_1", "_predicted_2", "_predicted_3")
    return pd.DataFrame({name + ending: np.full(length, value) for name in names for ending in endings})


def write_street(folder: Path, demand: np.ndarray, pv: np.ndarray) -> dict[str, object]:
    """Write the files of a street and return its schema."""
    length, num_households = demand.shape
    weather = ("outdoor_dry_bulb_temperature", "outdoor_relative_humidity")
    sun = ("diffuse_solar_irradiance", "direct_solar_irradiance")
    with_predictions(*weather, *sun, length=length, value=20.0).to_csv(folder / "weather.csv", index=False)
    with_predictions("electricity_pricing", length=length, value=0.3).to_csv(folder / "pricing.csv", index=False)
    buildings = {}
    for i in range(num_households):
        name = f"household_{i}"
        zeros = np.zeros(length)
        columns = {
            "month": np.full(length, 1),
            "hour": np.arange(length) // 2 % 24 + 1,
            "day_type": np.arange(length) // 48 % 7 + 1,
            "indoor_dry_bulb_temperature": zeros + 20.0,
            "non_shiftable_load": demand[:, i],
            "dhw_demand": zeros,
            "cooling_demand": zeros,
            "heating_demand": zeros,
            "solar_generation": 1000.0 * pv[:, i],
        }
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)
        buildings[name] = {
            "include": True,
            "energy_simulation": f"{name}.csv",
            "weather": "weather.csv",
            "pricing": "pricing.csv",
            "inactive_observations": [],
            "inactive_actions": [],
            "electrical_storage": {
                "type": "citylearn.energy_model.Battery",
                "autosize": False,
                "attributes": {"capacity": 6.4, "nominal_power": 5.0},
            },
            "pv": {"type": "citylearn.energy_model.PV", "autosize": False, "attributes": {"nominal_power": 1.0}},
        }
    return {
        "root_directory": str(folder),
        "random_seed": 0,
        "central_agent": False,
        "simulation_start_time_step": 0,
        "simulation_end_time_step": length - 1,
        "episode_time_steps": None,
        "rolling_episode_split": False,
        "random_episode_split": False,
        "seconds_per_time_step": 1800,
        "observations": {name: {"active": True, "shared_in_central_agent": False} for name in OBSERVATIONS},
        "actions": {"electrical_storage": {"active": True}},
        "reward_function": {"type": "citylearn.reward_function.RewardFunction", "attributes": {}},
        "buildings": buildings,
    }


def main() -> None:
    """Build the street, and step it with actions drawn beforehand."""
    street = np.load(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        schema = write_street(Path(folder), street["demand"], street["pv"])
        start = time.process_time()
        env = CityLearnEnv(schema)
        building = time.process_time() - start
        env.reset()
        rng = np.random.default_rng(0)
        times = []
        for _ in range(NUM_STEPS):
            actions = [rng.uniform(space.low, space.high) for space in env.action_space]
            start = time.process_time()
            env.step(actions)
            times.append(time.process_time() - start)
    print(json.dumps({"build": building, "step": float(np.median(times))}))


if __name__ == "__main__":
    main()
