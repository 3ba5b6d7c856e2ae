"""The view: draws a market for people; heavy libraries load only when a picture is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from p2p_market.errors import ConfigError, suggest
from p2p_market.view.ansi import describe
from p2p_market.view.scene import History, SceneReader, read_scene, read_window

if TYPE_CHECKING:
    from p2p_market.view.picture import Picture
    from p2p_market.view.window import PictureWindow

MODES = ("human", "ansi", "rgb_array")
_LONGEST_HISTORY = 336  # a week of half hours


class AuctionView:
    """Draws the last interval of the first market; reads, and never changes what it draws.

    Parameters
    ----------
    frames_per_second
        Pace of the window of ``human`` mode: `render` lets it live for that long.
    """

    def __init__(self, frames_per_second: float = 4.0) -> None:
        self.frames_per_second = frames_per_second
        self._history = History(_LONGEST_HISTORY)
        self._picture: Picture | None = None
        self._window: PictureWindow | None = None

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
            For ``ansi``: lines of ASCII text.
        numpy.ndarray
            For ``rgb_array``: ``(760, 1200, 3)`` uint8, a fresh array every time.
        None
            For ``human``, which draws the same picture in a window. Where no window can open (no display, or a
            notebook that draws its figures inline) nothing happens; a window that was closed by hand stays closed
            until `close` was called.

        Raises
        ------
        ConfigError
            For any other mode.
        MissingExtraError
            If a picture is wanted and matplotlib is not installed.
        EpisodeError
            Before the first reset.
        """
        if mode not in MODES:
            raise ConfigError(f"render mode is {mode!r}{suggest(mode, MODES)}; expected one of {MODES}")
        self.follow(reader)
        scene = read_scene(reader)
        if mode == "ansi":
            return describe(scene)
        window = read_window(reader, scene, _LONGEST_HISTORY)
        if mode == "rgb_array":
            if self._picture is None:
                from p2p_market.view.picture import Picture  # noqa: PLC0415 (needs matplotlib)

                self._picture = Picture()
            return self._picture.to_array(scene, window, self._history)
        if self._window is None:
            from p2p_market.view.window import PictureWindow  # noqa: PLC0415 (needs matplotlib)

            self._window = PictureWindow(self.frames_per_second)
        self._window.show(scene, window, self._history)
        return None

    def close(self) -> None:
        """Close the window and free the figures; the next `render` opens new ones."""
        if self._window is not None:
            self._window.close()
        self._window = self._picture = None

    def __getstate__(self) -> dict[str, Any]:
        # figures and windows belong to this process; another one opens its own
        return {**self.__dict__, "_picture": None, "_window": None}
