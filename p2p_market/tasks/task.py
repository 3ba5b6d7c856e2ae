"""A task: a configuration, three splits by households and days, and how results on it are measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, ValidationError, model_validator

from p2p_market.config import Config
from p2p_market.config_base import Section
from p2p_market.config_loading import explain, load_config, put_value
from p2p_market.config_values import Day, PolicyName, Pool, StorageRuleName
from p2p_market.data.selection import expand_pool
from p2p_market.errors import ConfigError, UnknownNameError
from p2p_market.tasks import SPLITS
from p2p_market.yaml_files import read_yaml

Split: TypeAlias = Literal["train", "validation", "test"]

_NAME = re.compile(r"[a-z][a-z0-9_]*-v\d+")
# The Ausgrid files number their homes from 1 to 300; their three years are the years of the tasks.
_AUSGRID_POOLS = {"train": "1-180", "validation": "181-240", "test": "241-300"}
_AUSGRID_MINUTES = 30


def _task_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a task is called NAME-vN, such as street10-v0, and so is its file")
    return name


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())


class TaskSplit(Section):
    """The households and the days of one split; no other is ever drawn or read in it."""

    pool: Pool = Field(description="households, as street.pool")
    first_day: Day = Field(description="first day, as episode.first_day")
    last_day: Day = Field(description="last day, as episode.last_day")


class Protocol(Section):
    """The episodes on which players are measured, all played at once."""

    seed: int = Field(ge=0, description="seed of their days and households")
    episodes: int = Field(ge=2, description="how many")


class Player(Section):
    """Who plays: a policy in every house and, where there are batteries, what they do."""

    policy: PolicyName = Field(description="name of a policy")
    storage: StorageRuleName | None = Field(None, description="storage rule; null: the task's own")

    @property
    def name(self) -> str:
        """``truthful``, or ``truthful + time_of_use``."""
        return self.policy if self.storage is None else f"{self.policy} + {self.storage}"


class Fingerprint(Section):
    """What the task gives when its numbers are as they were."""

    rollout: str = Field(description="hash of rounded observations and rewards of a short rollout in every split")
    kpis: dict[str, dict[str, float]] = Field(description="key figures of two references on test, six digits")


class Task(Section):
    """A named, versioned task; its file holds all but the name, which is the file's own.

    Attributes
    ----------
    name
        What it is called, with its version.
    summary, story
        One line, and one paragraph: what it is for.
    judged_by
        ``"bill"``: by own bill, price and exploitability beside ``truthful``, where nothing is flexible;
        ``"value_captured"``: by the share of what could be saved, where there is storage.
    config
        The configuration that all splits have in common, as in a file of ``configs/``.
    splits
        Households and days of ``train``, ``validation`` and ``test``; any two share neither.
    evaluation
        How results are measured.
    references
        Players whose results stand beside.
    fingerprint
        What a test compares; ``None`` while a task is being written.
    """

    name: Annotated[str, AfterValidator(_task_name)]
    summary: str
    story: Annotated[str, AfterValidator(_one_paragraph)]
    judged_by: Literal["bill", "value_captured"]
    config: dict[str, Any]
    splits: dict[Split, TaskSplit]
    evaluation: Protocol
    references: tuple[Player, ...]
    fingerprint: Fingerprint | None = None

    @model_validator(mode="after")
    def _splits_that_share_nothing(self) -> Task:
        missing = [name for name in SPLITS if name not in self.splits]
        if missing:
            raise ValueError(f"a task has the splits {', '.join(SPLITS)}; {', '.join(missing)} is missing")
        owner: dict[str, str] = {}
        for name, split in self.splits.items():
            for household in expand_pool(split.pool):
                if household in owner:
                    raise ValueError(f"household {household!r} is in {owner[household]} and in {name}; leave it in one")
                owner[household] = name
        spans = sorted((split.first_day, split.last_day, name) for name, split in self.splits.items())
        for (_, last, one), (first, _, other) in pairwise(spans):
            if first <= last:
                raise ValueError(f"{first} is in {one} and in {other}; let one of them end before the other begins")
        return self

    @model_validator(mode="after")
    def _reference_to_compare_with(self) -> Task:
        if "truthful" not in [player.name for player in self.references]:
            raise ValueError("references need {policy: truthful}, which the others are compared with")
        return self

    def configuration(
        self,
        split: str = "train",
        *,
        data: str | Path | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Config:
        """The checked configuration of one split.

        Parameters
        ----------
        split
            ``"train"``, ``"validation"`` or ``"test"``.
        data
            File, zip or folder with the Ausgrid solar home files, to play on recorded homes in place of synthetic ones:
            train has the homes 1-180, validation 181-240 and test 241-300, on the task's own days. Days on which one of
            them lacks a reading are left out.
        overrides
            Changes by key, as for `p2p_market.parallel_env`.

        Raises
        ------
        UnknownNameError
            For another split.
        ConfigError
            For overrides that cannot be, and where the Ausgrid files do not have the homes or the intervals.
        """
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
        values: dict[str, Any] = {"name": self.name, **_copy(self.config)}
        chosen: TaskSplit = self.splits[split]  # type: ignore[index]  # checked above
        put_value(values, "street.pool", chosen.pool)
        put_value(values, "episode.first_day", chosen.first_day)
        put_value(values, "episode.last_day", chosen.last_day)
        if data is not None:
            self._check_ausgrid(values, split)
            pool = (_AUSGRID_POOLS[split],)
            values["data"] = {
                "source": "ausgrid",
                "path": str(data),
                "customers": expand_pool(pool),
                "missing": "skip_days",
            }
            put_value(values, "street.pool", pool)
        return load_config(values, overrides)

    def _check_ausgrid(self, values: Mapping[str, Any], split: str) -> None:
        minutes = values.get("data", {}).get("interval_minutes", _AUSGRID_MINUTES)
        if minutes != _AUSGRID_MINUTES:
            raise ConfigError(
                f"task {self.name!r} has intervals of {minutes} minutes, and the Ausgrid files of {_AUSGRID_MINUTES}; "
                "leave data out"
            )
        wanted = values.get("street", {}).get("num_households", 0)
        there = len(expand_pool((_AUSGRID_POOLS[split],)))
        if wanted > there:
            raise ConfigError(
                f"task {self.name!r} has {wanted} households, and the {split} split of the Ausgrid files has {there} "
                "homes; leave data out, or choose a smaller task"
            )


def load_task(path: Path) -> Task:
    """Read a task from a YAML file, which its name and version are the name of.

    Raises
    ------
    ConfigError
        For a file that is missing, not YAML, or no task, with the key and what was expected; for splits that share
        households or days; and for a configuration that cannot be.
    """
    values = read_yaml(path, "task file")
    if "name" in values:
        raise ConfigError(f"{path}: name: a task is called as its file is; leave the key out")
    try:
        task = Task.model_validate({"name": path.stem, **values})
    except ValidationError as error:
        raise ConfigError(explain(error, str(path), Task)) from None
    for split in SPLITS:
        try:
            task.configuration(split)
        except ConfigError as error:
            raise ConfigError(f"{path}: config: {error}") from None
    return task


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}
