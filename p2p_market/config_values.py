"""Kinds of values that sections of a configuration have in common: names, days, shares, pools."""

from __future__ import annotations

import datetime as dt
import importlib
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from p2p_market.config_base import PathText, registered
from p2p_market.data.calendar import to_minute
from p2p_market.data.selection import expand_pool
from p2p_market.errors import DataError
from p2p_market.learned import is_policy_path, load_policy


def _local_time(value: Any) -> dt.date | dt.datetime:
    """Read a naive local time; midnight is the date, so that both spellings are one configuration."""
    time = to_minute(value).astype(dt.datetime)
    assert isinstance(time, dt.datetime)  # noqa: S101 - what datetime64[m] always becomes
    return time.date() if time.time() == dt.time() else time


def _folder_name(name: str) -> str:
    """Check a name that becomes the name of a folder of results."""
    if not name.strip(".") or "/" in name or "\\" in name:
        raise ValueError("a folder of results is named by it, so it needs a letter and has no slash")
    return name


def _as_entries(value: Any) -> Any:
    """Take one name or range as a list of one."""
    return [value] if isinstance(value, str) or type(value) is int else value


def _pool_that_can_be(pool: tuple[str, ...]) -> tuple[str, ...]:
    try:
        expand_pool(pool)
    except DataError as error:
        raise ValueError(str(error)) from None
    return pool


def _number_as_text(value: Any) -> Any:
    """Take a customer's number as its name."""
    return str(value) if type(value) is int else value


def _registered_or_learned(name: str) -> str:
    """Check the name of a policy, or the path of a learned one, which is read now."""
    if name not in importlib.import_module("p2p_market.policies").POLICIES and is_policy_path(name):
        load_policy(name)
        return name
    return registered("p2p_market.policies", "POLICIES")(name)


MechanismName: TypeAlias = Annotated[str, AfterValidator(registered("p2p_market.auction.mechanisms", "MECHANISMS"))]
ScriptedPolicyName: TypeAlias = Annotated[str, AfterValidator(registered("p2p_market.policies", "POLICIES"))]
PolicyName: TypeAlias = Annotated[PathText, AfterValidator(_registered_or_learned)]
StorageRuleName: TypeAlias = Annotated[str, AfterValidator(registered("p2p_market.policies.storage", "STORAGE_RULES"))]
RewardName: TypeAlias = Annotated[str, AfterValidator(registered("p2p_market.rewards", "REWARDS"))]
PotentialName: TypeAlias = Annotated[str, AfterValidator(registered("p2p_market.shaping", "POTENTIALS"))]
ActionMapName: TypeAlias = Annotated[str, AfterValidator(registered("p2p_market.scenario.actions", "ACTION_MAPS"))]
Share: TypeAlias = Annotated[float, Field(ge=0.0, le=1.0)]
Months: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)]
FolderName: TypeAlias = Annotated[str, AfterValidator(_folder_name)]
Day: TypeAlias = Annotated[dt.date, BeforeValidator(_local_time)]
Moment: TypeAlias = Annotated[dt.date | dt.datetime, BeforeValidator(_local_time)]
Customers: TypeAlias = Annotated[tuple[Annotated[str, BeforeValidator(_number_as_text)], ...], Field(min_length=1)]
Pool: TypeAlias = Annotated[
    tuple[Annotated[str, BeforeValidator(_number_as_text)], ...],
    BeforeValidator(_as_entries),
    AfterValidator(_pool_that_can_be),
]
