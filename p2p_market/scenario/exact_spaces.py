"""Exact spaces: a household sees and steers what it has, and nothing that is there for its neighbours' sake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces

from p2p_market.types import AnyArray, BoolArray, Float32Array, IntArray

if TYPE_CHECKING:
    from p2p_market.scenario.actions import ActionMap


class ExactSpaces:
    """Between the arrays of a street, whose rows are alike, and what each agent sees and does.

    Parameters
    ----------
    agents
        Names of the learners.
    observation_space
        Space of a row of the street's observations ``(F,)``.
    action_map
        What a row of the street's actions ``(A,)`` means.
    feature_mask, component_mask
        ``(L, F)`` and ``(L, A)`` which features and components are about something that the learner has.
    """

    def __init__(
        self,
        agents: Sequence[str],
        observation_space: spaces.Box,
        action_map: ActionMap,
        feature_mask: BoolArray,
        component_mask: BoolArray,
    ) -> None:
        self._agents = tuple(agents)
        self._space = observation_space
        self._features: list[IntArray] = [np.flatnonzero(mask) for mask in feature_mask]
        self._components: list[IntArray] = [np.flatnonzero(mask) for mask in component_mask]
        self._maps = [action_map.of_components(places.tolist()) for places in self._components]
        self._num_components = component_mask.shape[1]
        # agents that see the same features are taken out of the array together
        alike: dict[tuple[int, ...], list[int]] = {}
        for place, features in enumerate(self._features):
            alike.setdefault(tuple(features.tolist()), []).append(place)
        self._groups = [(np.array(places), np.array(features)) for features, places in alike.items()]

    def observation_spaces(self) -> dict[str, spaces.Space[Any]]:
        """A new space by agent, ``(F_i,)`` float32."""
        return {
            agent: spaces.Box(self._space.low[places], self._space.high[places], dtype=np.float32)
            for agent, places in zip(self._agents, self._features, strict=True)
        }

    def action_spaces(self) -> dict[str, spaces.Space[Any]]:
        """A new space by agent, ``(A_i,)`` float32 in [-1, 1], or choices."""
        return {agent: part.make_space() for agent, part in zip(self._agents, self._maps, strict=True)}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of an action by agent."""
        return {agent: part.shape for agent, part in zip(self._agents, self._maps, strict=True)}

    def split(self, observations: Float32Array) -> dict[str, Float32Array]:
        """What each agent sees of ``(L, F)`` observations, as new arrays."""
        rows: list[Float32Array] = [observations[0]] * len(self._agents)
        for places, features in self._groups:
            seen = observations[places[:, None], features]
            for place, row in zip(places.tolist(), seen, strict=True):
                rows[place] = row
        return dict(zip(self._agents, rows, strict=True))

    def join(self, actions: Sequence[AnyArray]) -> AnyArray:
        """Rows ``(L, A)`` from the agents' actions, 0 for what they do not have, which nothing listens to."""
        joined = np.zeros((len(self._agents), self._num_components))
        for row, places, action in zip(joined, self._components, actions, strict=True):
            row[places] = action
        return joined
