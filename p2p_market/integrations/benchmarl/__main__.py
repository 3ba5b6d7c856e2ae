"""BenchMARL's command line with the tasks of this package.

python -m p2p_market.integrations.benchmarl algorithm=mappo task=p2p_market/street task.config=configs/quickstart.yaml
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import benchmarl
import hydra
from benchmarl.hydra_config import load_experiment_from_hydra
from hydra.core.hydra_config import HydraConfig

from p2p_market.integrations.benchmarl import CONFIGURATIONS

if TYPE_CHECKING:
    from omegaconf import DictConfig

_BENCHMARL = Path(benchmarl.__file__).parent / "conf"


@hydra.main(version_base=None, config_path=str(_BENCHMARL), config_name="config")
def main(config: DictConfig) -> None:
    """Run the experiment that BenchMARL's configuration describes."""
    load_experiment_from_hydra(config, task_name=HydraConfig.get().runtime.choices.task).run()


if __name__ == "__main__":
    sys.argv.append(f"hydra.searchpath=[file://{CONFIGURATIONS}]")
    main()
