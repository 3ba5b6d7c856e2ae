"""A window that shows the picture of a market, where there is a display to open one on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from p2p_market.view.picture import DOTS_PER_INCH, SIZE_INCHES, draw_scene
from p2p_market.view.scene import Moment, Scene, Window
from p2p_market.view.style import house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TOOLKITS = ("gtk", "macosx", "qt", "tk", "wx")  # what names of backends that open windows start with


class PictureWindow:
    """Shows scenes in a matplotlib window; where none can open, `show` does nothing.

    Parameters
    ----------
    frames_per_second
        Pace: `show` lets the window live for that long.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """

    def __init__(self, frames_per_second: float) -> None:
        self._seconds = 1.0 / frames_per_second
        self._figure: Figure | None = None
        with house_style(toolbar="None"):
            if _can_open():
                self._figure = _open()

    def show(self, scene: Scene, window: Window, history: Iterable[Moment]) -> None:
        """Draw a scene and let the window react for one frame; nothing happens once it was closed by hand."""
        if self._figure is None:
            return
        from matplotlib import pyplot as plt  # noqa: PLC0415 (see above)

        if not plt.fignum_exists(self._figure.number):
            self._figure = None
            return
        with house_style():
            draw_scene(self._figure, scene, window, history)
            self._figure.canvas.draw_idle()
            # unlike `plt.show` this leaves the user's other figures alone
            manager = self._figure.canvas.manager
            if manager is not None:
                manager.show()
            self._figure.canvas.start_event_loop(self._seconds)

    def close(self) -> None:
        """Close the window; a second time does nothing."""
        if self._figure is not None:
            from matplotlib import pyplot as plt  # noqa: PLC0415 (see above)

            plt.close(self._figure)
            self._figure = None


def _open() -> Figure:
    from matplotlib import pyplot as plt  # noqa: PLC0415 (opens the backend, which only a window needs)

    current = plt.gcf() if plt.get_fignums() else None
    figure = plt.figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
    if figure.canvas.manager is not None:
        figure.canvas.manager.set_window_title("p2p_market")
    if current is not None:
        plt.figure(current)  # what the user draws goes where it went before
    return figure


def _can_open() -> bool:
    """Whether matplotlib's backend opens windows, and there is a display for them."""
    import matplotlib as mpl  # noqa: PLC0415 (matplotlib is optional)

    has_display = sys.platform in ("win32", "darwin") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    if not has_display:
        return False  # asked for its backend, matplotlib would settle on one for the rest of the process
    try:
        return mpl.get_backend().lower().startswith(_TOOLKITS)
    except ImportError:  # the one that the user chose is not there
        return False
