"""Folders of results: they appear whole or not at all, and nothing of anybody else's is overwritten."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from p2p_market.errors import ConfigError

EVALUATION_FOLDER = "an evaluation", ("evaluation.json", "summary.parquet", "episodes.parquet", "measures.parquet")
"""What a folder of `p2p_market.evaluate` is and holds; the command line looks before it loads what makes frames."""


def check_output(folder: str | Path, kind: str, files: Collection[str]) -> Path:
    """Make sure that results may be written to a folder: it does not exist, is empty, or holds earlier ones alone.

    Parameters
    ----------
    folder
        Where to write.
    kind
        What the results are, with article: ``"a run"``.
    files
        Names of the files that such a folder holds, the one that marks it first; pictures are welcome too.

    Raises
    ------
    ConfigError
        If it is a file, or a folder with something else in it, or cannot be made where it is to be.
    """
    target = Path(folder).resolve()
    marker = next(iter(files))
    if target.exists() and not target.is_dir():
        raise ConfigError(f"output {str(folder)!r} is a file; expected a folder, new, empty or of an earlier run")
    if target.is_dir():
        others = sorted(path.name for path in target.iterdir() if path.name not in files and path.suffix != ".png")
        if others or (any(target.iterdir()) and not (target / marker).exists()):
            example = f" ({others[0]!r}, for one)" if others else ""
            raise ConfigError(
                f"output folder {str(folder)!r} holds something that is not {kind}{example}; "
                "choose a new or empty folder"
            )
    above = next(parent for parent in target.parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        reason = "is not a folder" if not above.is_dir() else "may not be written to"
        raise ConfigError(f"output folder {str(folder)!r} cannot be made: {str(above)!r} {reason}")
    return target


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """Give a folder to write to that takes the target's place when all went well, and vanishes when not."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as workspace:
            staging, outgoing = Path(workspace) / "new", Path(workspace) / "old"
            staging.mkdir()
            yield staging
            if target.exists():
                target.replace(outgoing)
            try:
                staging.replace(target)
            except BaseException:
                if outgoing.exists():
                    outgoing.replace(target)
                raise
    except OSError as error:
        raise ConfigError(f"output folder {str(target)!r} cannot be written: {error}") from error
