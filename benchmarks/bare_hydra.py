"""Hydra's own start-up: composes the files of conf/ and does nothing with them.

python benchmarks/bare_hydra.py --help
"""

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

# The help page names the command.
OmegaConf.register_new_resolver("command", lambda: "python run.py")
# The models' defaults; here there are no models.
ConfigStore.instance().store(name="headrace_defaults", node={"action": "run"})


@hydra.main(version_base="1.3", config_path="../conf", config_name="config")
def run(config: DictConfig) -> None:
    """Do nothing."""


if __name__ == "__main__":
    run()
