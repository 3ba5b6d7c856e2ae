"""A named set of interchangeable parts: mechanisms, policies, rewards, features, tariffs, ..."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from p2p_market.errors import UnknownNameError

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """A read-only mapping from name to part that explains a wrong name.

    Parameters
    ----------
    kind
        What the entries are, in the singular; used in error messages.
    entries
        The parts by name. This literal is the one line to touch when a part is added.
    """

    def __init__(self, kind: str, entries: Mapping[str, Entry]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise UnknownNameError(self.kind, name, self._entries) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Registry({self.kind!r}: {', '.join(self._entries)})"

    def register(self, name: str, entry: Entry) -> Entry:
        """Add a part of your own under a new name and return it.

        Raises
        ------
        ValueError
            If the name is taken: replacing a part silently would change other people's results.
        """
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered already; choose another name")
        self._entries[name] = entry
        return entry

    def summary(self, name: str) -> str:
        """Return the one-line description of an entry (its ``summary``, or its docstring's first line)."""
        entry = self[name]
        text = getattr(entry, "summary", None) or inspect.getdoc(entry) or ""
        return str(text).strip().split("\n", 1)[0]
