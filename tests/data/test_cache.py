"""The cache: same answer as parsing, keyed by content, rebuilt when damaged."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from official_text import home, row, write

from p2p_market.data import ausgrid, cache
from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.container import DataContainer


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the files that are parsed rather than read from the cache."""
    counted: list[str] = []
    original = ausgrid.read_official

    def count(source: object) -> object:
        counted.append(str(source))
        return original(source)  # type: ignore[arg-type]

    monkeypatch.setattr(ausgrid, "read_official", count)
    return counted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    values = [str(slot / 1000) for slot in range(48)]
    rows = home("1", quality="NA") + home("2") + [row("2", "CL", "2/07/2011", value=values)]
    rows += [row("3", "GC", date, value=values) for date in ("1/07/2011", "2/07/2011")]
    rows += [row("3", "GG", "1/07/2011")]
    return write(tmp_path / "a.csv", rows)


def load(path: Path, folder: Path | None, **options: object) -> DataContainer:
    return load_ausgrid(path, cache_folder=folder, missing="fill", include_controlled_load=True, **options)  # type: ignore[arg-type]


def assert_same(left: DataContainer, right: DataContainer) -> None:
    for name in ("demand", "pv", "controlled_load", "quality", "pv_capacity"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
    np.testing.assert_array_equal(left.calendar.start, right.calendar.start)
    assert left.customer_ids == right.customer_ids
    assert left.gaps == right.gaps


def entry(folder: Path) -> Path:
    (found,) = folder.rglob("*.parquet")
    return found


def test_the_second_load_reads_the_cache_and_agrees(path: Path, folder: Path, parses: list[str]) -> None:
    parsed = load(path, folder, cache=False)
    assert not folder.exists()
    first, second = load(path, folder), load(path, folder)
    assert len(parses) == 2
    assert_same(first, parsed)
    assert_same(second, parsed)
    without_load = load_ausgrid(path, cache_folder=folder, customers=["1"])
    np.testing.assert_array_equal(without_load.demand, parsed.demand[:, :1])
    assert len(parses) == 2


def test_content_decides_not_name_nor_time(path: Path, folder: Path, tmp_path: Path, parses: list[str]) -> None:
    load(path, folder)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(path.read_bytes())
    load(copy, folder)
    assert len(parses) == 1
    stamp = path.stat()
    path.write_bytes(path.read_bytes().replace(b"0.5", b"0.7"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert load(path, folder).demand[0, 0] == np.float32(0.7)
    assert len(parses) == 2


def test_a_remembered_digest_is_dropped_when_the_file_changes(path: Path, folder: Path, parses: list[str]) -> None:
    old = time.time() - 3600
    os.utime(path, (old, old))
    # pretend that time has passed, so that the digest may be remembered
    cache_time = time.time_ns() + 10_000_000_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache.time, "time_ns", lambda: cache_time)
        load(path, folder)
        assert len(list((folder / "digests").iterdir())) == 1
        path.write_bytes(path.read_bytes().replace(b"0.5", b"0.7"))
        os.utime(path, (old, old))
        assert load(path, folder).demand[0, 0] == np.float32(0.7)
    assert len(parses) == 2


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "bits"])
def test_a_damaged_entry_is_built_again(path: Path, folder: Path, parses: list[str], damage: str) -> None:
    first = load(path, folder)
    content = entry(folder).read_bytes()
    changed = {
        "cut": content[: len(content) // 2],
        "text": b"not parquet",
        "empty": b"",
        "bits": content[:200] + bytes(byte ^ 1 for byte in content[200:260]) + content[260:],
    }
    entry(folder).write_bytes(changed[damage])
    assert_same(load(path, folder), first)
    assert len(parses) == 2
    assert_same(load(path, folder), first)
    assert len(parses) == 2


def test_another_loader_version_does_not_find_old_entries(
    path: Path, folder: Path, parses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(path, folder)
    monkeypatch.setattr(cache, "LOADER_VERSION", cache.LOADER_VERSION + 1)
    load(path, folder)
    assert len(parses) == 2


def test_a_folder_that_cannot_be_written_is_done_without(path: Path, tmp_path: Path, parses: list[str]) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    load(path, blocked)
    load(path, blocked)
    assert len(parses) == 2
    assert blocked.read_text().startswith("a file")


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "named"))
    assert cache.cache_folder() == tmp_path / "named"
    assert cache.cache_folder(tmp_path / "given") == tmp_path / "given"
    monkeypatch.delenv(cache.CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder().name == "p2p_market"


def test_loads_at_the_same_time_agree_and_leave_one_entry(path: Path, folder: Path) -> None:
    results: list[DataContainer] = []
    threads = [threading.Thread(target=lambda: results.append(load(path, folder))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    for result in results[1:]:
        assert_same(result, results[0])
    assert entry(folder)
    assert not list(folder.rglob("*.tmp"))
