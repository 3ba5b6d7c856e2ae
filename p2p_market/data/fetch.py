"""Download the official Ausgrid files once, checked, into the cache folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from p2p_market.data.cache import cache_folder
from p2p_market.errors import DataError

SOURCE_URL = "https://pierreh.eu/downloads/Ausgrid_solar_home_data.zip"
"""Public mirror of the three official yearly files."""

SOURCE_SHA256 = "5a766f52b6c8b3b72730380f4422e478934bc94640a4b089dd0e0e3c055c5d82"
"""SHA-256 of the archive."""

NUM_RETRIES = 3
TIMEOUT_SECONDS = 30


def fetch_ausgrid(
    folder: str | os.PathLike[str] | None = None,
    *,
    url: str = SOURCE_URL,
    sha256: str = SOURCE_SHA256,
    num_retries: int = NUM_RETRIES,
    progress: bool = True,
) -> Path:
    """Download the archive of the three official years, unless it is there already.

    Parameters
    ----------
    folder
        Where to keep it; by default ``downloads`` in the cache folder.
    url, sha256
        The archive and the SHA-256 that it must have.
    num_retries
        How often to try again after a failure.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Path
        The archive, which `load_ausgrid` reads as it is.

    Raises
    ------
    DataError
        If the server cannot be reached or refuses, or the file is not the expected one. Nothing half-loaded is
        left behind.
    """
    import pooch  # noqa: PLC0415 - the network stack is loaded only for a download
    import requests  # noqa: PLC0415 - the same

    target = Path(folder) if folder is not None else cache_folder() / "downloads"
    base, name = url.rsplit("/", 1)
    keeper = pooch.create(
        path=target,
        base_url=base + "/",
        registry={name: f"sha256:{sha256}"},
        retry_if_failed=num_retries,
    )
    by_hand = f"download {url} in a browser and pass its path instead"
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # the bar and the errors say everything
    try:
        with _Bar(progress) as bar:
            downloader = pooch.HTTPDownloader(progressbar=bar, timeout=TIMEOUT_SECONDS)  # type: ignore[no-untyped-call] # pooch has no types here
            return Path(keeper.fetch(name, downloader=downloader))
    except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
        raise DataError(
            f"{url} cannot be reached, {num_retries + 1} attempt(s) failed ({_reason(error)}). "
            f"Is this machine offline? Try again later, or {by_hand}"
        ) from error
    except requests.exceptions.RequestException as error:
        raise DataError(f"{url} cannot be downloaded ({_reason(error)}); {by_hand}") from error
    except ValueError as error:
        raise DataError(
            f"the file at {url} is not the expected archive (its SHA-256 is not {sha256}); it was not kept. "
            f"It may have changed, or a proxy may have answered: {by_hand}, if you trust it"
        ) from error
    except OSError as error:
        raise DataError(f"the download cannot be kept in {target}: {_reason(error)}") from error
    finally:
        logger.setLevel(level)


def _reason(error: BaseException) -> str:
    """Return the innermost cause, in one short line."""
    while (cause := error.__context__ or error.__cause__) is not None:
        error = cause
    return f"{type(error).__name__}: {error}"[:160]


class _Bar:
    """A rich progress bar with the interface that pooch expects of one."""

    def __init__(self, show: bool) -> None:
        from rich.progress import (  # noqa: PLC0415 - loaded only for a download
            BarColumn,
            DownloadColumn,
            Progress,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            "downloading",
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            disable=not show,
        )
        self._task = self._progress.add_task("download", total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @property
    def total(self) -> int:
        """Bytes to come."""
        return int(self._progress.tasks[0].total or 0)

    @total.setter
    def total(self, num_bytes: int) -> None:
        self._progress.update(self._task, total=num_bytes)

    def update(self, num_bytes: int) -> None:
        """Show that so many bytes more have come."""
        self._progress.update(self._task, advance=num_bytes)

    def reset(self) -> None:
        """Start again from zero; pooch does so before it fills the bar at the end."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Nothing to do: the context ends the bar."""
