"""The view: draws a market for people; heavy libraries load only when a picture is wanted."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from p2p_market.errors import ConfigError, suggest
from p2p_market.view.ansi import describe
from p2p_market.view.scene import History, SceneReader, read_scene, read_window

if TYPE_CHECKING:
    from p2p_market.replay.live import LivePage
    from p2p_market.view.picture import Picture

MODES = ("human", "ansi", "rgb_array")
_LONGEST_HISTORY = 336  # a week of half hours


class AuctionView:
    """Draws the last interval of the first market; reads, and never changes what it draws.

    Parameters
    ----------
    frames_per_second
        Pace of ``human`` mode while somebody looks at its page.
    """

    def __init__(self, frames_per_second: float = 4.0) -> None:
        self.frames_per_second = frames_per_second
        self._history = History(_LONGEST_HISTORY)
        self._picture: Picture | None = None
        self._page: LivePage | None = None

    def follow(self, reader: SceneReader) -> None:
        """Take note of the last interval, so that a later picture shows it in its history of the episode.

        `render` does that itself; call this after intervals that are not drawn. Costs some microseconds.
        """
        if reader.transition is None:
            self._history.clear()
        else:
            self._history.note(reader.transition)

    def render(self, reader: SceneReader, mode: str) -> Any:
        """Draw the last interval, or what is coming where none has been played.

        Parameters
        ----------
        reader
            Where state and last interval are read, usually the controller.
        mode
            ``"ansi"``, ``"rgb_array"`` or ``"human"``.

        Returns
        -------
        str
            For ``ansi``: lines of ASCII text, coloured where standard output is a terminal; the environment variables
            ``NO_COLOR`` and ``FORCE_COLOR`` say otherwise.
        numpy.ndarray
            For ``rgb_array``: ``(760, 1200, 3)`` uint8, a fresh array every time.
        None
            For ``human``, which serves the replay page of the episode so far at an `address` of this machine, says
            where on standard error, and opens it where there is a display. While somebody looks at it, `render` keeps
            to ``frames_per_second``; else it does not wait.

        Raises
        ------
        ConfigError
            For any other mode.
        MissingExtraError
            If ``rgb_array`` is wanted and matplotlib is not installed.
        EpisodeError
            Before the first reset.
        """
        if mode not in MODES:
            raise ConfigError(f"render mode is {mode!r}{suggest(mode, MODES)}; expected one of {MODES}")
        if mode == "human":
            if self._page is None:
                from p2p_market.replay.live import LivePage  # noqa: PLC0415 (a web server, for this mode alone)

                self._page = LivePage(reader, self.frames_per_second)
            self._page.show(reader)
            return None
        self.follow(reader)
        scene = read_scene(reader)
        if mode == "ansi":
            return describe(scene, coloured=_has_colours())
        if self._picture is None:
            from p2p_market.view.picture import Picture  # noqa: PLC0415 (needs matplotlib)

            self._picture = Picture()
        return self._picture.to_array(scene, read_window(reader, scene, _LONGEST_HISTORY), self._history)

    @property
    def address(self) -> str | None:
        """Where the page of ``human`` mode is; ``None`` while there is none."""
        return None if self._page is None else self._page.address

    def close(self) -> None:
        """Stop serving the page and free the figures; the next `render` makes new ones."""
        if self._page is not None:
            self._page.close()
        self._page = self._picture = None

    def __getstate__(self) -> dict[str, Any]:
        # figures and servers belong to this process; another one makes its own
        return {**self.__dict__, "_picture": None, "_page": None}


def _has_colours() -> bool:
    """Whether text is read on a terminal, by the conventions of https://no-color.org and https://force-color.org."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
