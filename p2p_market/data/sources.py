"""From paths to CSV sources: files, zip archives and folders."""

from __future__ import annotations

import difflib
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from p2p_market.data.official import find_header
from p2p_market.errors import DataError

PathLike: TypeAlias = str | Path
Paths: TypeAlias = PathLike | Iterable[PathLike]

_HEAD_BYTES = 8192


@dataclass(frozen=True)
class Source:
    """One CSV: a file of its own, or a member of a zip archive."""

    path: Path
    member: str | None = None

    @property
    def label(self) -> str:
        """Name for messages."""
        return str(self.path) if self.member is None else f"{self.member} in {self.path}"

    def read(self, num_bytes: int = -1) -> bytes:
        """Return the content, or its first ``num_bytes`` bytes.

        Raises
        ------
        DataError
            If the file cannot be read, or the archive is damaged.
        """
        try:
            if self.member is None:
                with self.path.open("rb") as file:
                    return file.read(num_bytes)
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                return file.read(num_bytes)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise _damaged(self.path, error) from None
        except OSError as error:
            raise DataError(f"{self.label} cannot be read: {error.strerror or error}; check the file") from error


def find_sources(paths: Paths) -> list[Source]:
    """Return every CSV that the paths name.

    A path is a CSV file, a zip archive (every CSV in it), or a folder. Of a folder, the CSV files and
    archives right inside it that have the official layout are taken and others are left alone.

    Raises
    ------
    DataError
        If a path does not exist, is named twice, an archive is damaged or holds no CSV, or a folder holds
        nothing of the official layout.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise DataError("no data file is named; give the path of an Ausgrid CSV, zip archive or folder")
    sources: list[Source] = []
    for path in map(Path, listed):
        check_exists(path, "the official files come with: p2p-market data fetch --folder FOLDER")
        sources += _sources_of_folder(path) if path.is_dir() else _sources_of_file(path)
    seen: set[tuple[Path, str | None]] = set()
    for source in sources:
        key = (source.path.resolve(), source.member)
        if key in seen:
            raise DataError(f"{source.label} is named twice; name every file once")
        seen.add(key)
    return sources


def check_exists(path: Path, remedy: str = "") -> None:
    """Raise a DataError that shows the nearest names, and a remedy, if there is no such path."""
    if path.exists():
        return
    folder, also = path.parent, f"; {remedy}" if remedy else ""
    if not folder.is_dir():
        raise DataError(f"{path} does not exist, nor does the folder {folder}; check the path{also}")
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    nearest = difflib.get_close_matches(path.name, names, n=3, cutoff=0.4) or names[:3]
    shown = f"nearest names there: {', '.join(nearest)}" if nearest else "the folder is empty"
    raise DataError(f"{path} does not exist; {shown}{also}")


def read_header_lines(source: Source) -> list[str]:
    """Return the first lines of a source."""
    return split_lines(source.read(_HEAD_BYTES))


def split_lines(content: bytes) -> list[str]:
    """Split a text as CSV readers do; some copies end their lines with two carriage returns."""
    return content.replace(b"\r\r\n", b"\n").decode("utf-8", "replace").split("\n")


def _sources_of_file(path: Path) -> list[Source]:
    if path.suffix.lower() != ".zip":
        return [Source(path)]
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, EOFError) as error:
        raise _damaged(path, error) from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; check the file") from error
    members = sorted(name for name in names if name.lower().endswith(".csv") and not name.startswith("__MACOSX/"))
    if not members:
        held = ", ".join(names[:5]) or "nothing"
        raise DataError(f"{path} holds no CSV file (it holds: {held}); give an archive of Ausgrid CSV files")
    return [Source(path, member) for member in members]


def _sources_of_folder(folder: Path) -> list[Source]:
    files = sorted(entry for entry in folder.iterdir() if entry.is_file() and entry.suffix.lower() in (".csv", ".zip"))
    if not files:
        raise DataError(f"the folder {folder} holds no CSV or zip file; put the Ausgrid files there")
    official = [source for path in files for source in _sources_of_file(path) if _is_official(source)]
    if not official:
        shown = ", ".join(path.name for path in files[:5]) + (", …" if len(files) > 5 else "")
        raise DataError(f"no file in the folder {folder} has the official Ausgrid layout (found: {shown})")
    return official


def is_official(path: Path) -> bool:
    """Tell whether a file is a zip archive or starts as an official file does."""
    return path.suffix.lower() == ".zip" or _is_official(Source(path))


def _is_official(source: Source) -> bool:
    try:
        find_header(read_header_lines(source), source.label)
    except DataError:
        return False
    return True


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is not a complete zip archive ({error}); it may be cut short: download or copy it again")
