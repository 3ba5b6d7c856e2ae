"""Every fault of an official file or path gives one error that names the place and the remedy."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from official_text import home, row, text, write

from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.errors import DataError


def refuse(path: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_ausgrid(path, cache=False)  # type: ignore[arg-type]


def spoiled(line: int, column: int, value: str) -> list[list[str]]:
    """Two homes with one wrong cell; lines count from 1 with title and header."""
    rows = home("12") + home("13")
    rows[line - 3][column] = value
    return rows


@pytest.mark.parametrize(
    ("line", "column", "value", "message"),
    [
        (6, 5, "abc", r"a\.csv, line 6, column '0:30' \(customer 12, GG, 2/07/2011\): 'abc' is not a number"),
        (
            4,
            52,
            "-0.5",
            r"line 4, column '0:00' \(customer 12, GC, 2/07/2011\): -0\.5 kWh is negative; .* >= 0",
        ),
        (4, 20, "NaN", r"line 4, column '8:00' .*: 'NaN' is not a number; a reading is a number >= 0 in kWh"),
        (4, 20, "inf", r"line 4, column '8:00' .*: 'inf' is not a number"),
        (4, 20, "1e99", r"line 4, column '8:00' .*: 1e99 is too large"),
        (4, 20, "", r"line 4, column '8:00' .*: a blank is not a number"),
        (
            5,
            1,
            "-1",
            r"line 5, column 'Generator Capacity' \(customer 12\): -1 kW is negative; a capacity is",
        ),
        (5, 1, "", r"line 5, column 'Generator Capacity' \(customer 12\): a blank is not a number"),
        (
            8,
            3,
            "GX",
            r"line 8, column 'Consumption Category': unknown category 'GX'; expected GC \(general consum",
        ),
        (
            7,
            4,
            "31/13/2011",
            r"line 7, column 'date' \(customer 13\): '31/13/2011' is not a date in the form of",
        ),
        (
            7,
            4,
            "7/13/2011",
            r"line 7, .*'7/13/2011' is not a date .* '1/07/2011' \(day first, month second\)",
        ),
        (7, 4, "1-Jul-11", r"line 7, .*'1-Jul-11' is not a date in the form of this file"),
        (7, 4, "", r"line 7, column 'date' \(customer 13\): '' is not a date"),
        (
            7,
            4,
            "2/07/2911",
            r"a\.csv: the dates run from 2011-07-01 to 2911-07-02 .* year, as in '2/07/2911'",
        ),
        (7, 0, "", r"line 7, column 'Customer': the customer is blank"),
        (
            8,
            4,
            "1/07/2011",
            r"line 8: customer 13, category GC, date 1/07/2011 is there already in line 7; remove",
        ),
        (
            9,
            53,
            "XX",
            r"line 9, column 'Row Quality': 'XX' is not known; expected nothing \(measured\) or NA",
        ),
    ],
)
def test_a_wrong_cell_is_named_with_line_and_column(
    tmp_path: Path, line: int, column: int, value: str, message: str
) -> None:
    refuse(write(tmp_path / "a.csv", spoiled(line, column, value)), message)


@pytest.mark.parametrize("length", [20, 52, 55])
@pytest.mark.parametrize("line", [3, 7])
def test_a_row_with_the_wrong_number_of_columns(tmp_path: Path, line: int, length: int) -> None:
    rows = home("12") + home("13")
    rows[line - 3] = [*rows[line - 3], "0.5"][:length]
    refuse(write(tmp_path / "a.csv", rows), f"line {line}: the row has {length} columns where the header has 54")


def test_a_lost_value_does_not_shift_the_others(tmp_path: Path) -> None:
    rows = home("12") + home("13")
    del rows[4][20]
    refuse(write(tmp_path / "a.csv", rows), "line 7: the row has 53 columns where the header has 54")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            r"a\.csv is not in the official Ausgrid layout: no header .* starts with: an empty line\)",
        ),
        (b"time,load\n1,2\n", r"\(the file starts with: time, load\)\. For data of your own use load_table"),
        (b"%PDF-1.4\x00\xff\xfe", "is not in the official Ausgrid layout"),
        (b"Customer,Generator Capacity\r\n1,2\r\n", "line 1: the header has 2 columns; .* 53 or 54"),
        (text([]).encode(), "has a header and no rows"),
        (
            text(home()).replace("Postcode", "Suburb").encode(),
            "line 2: column 3 is 'Suburb' where the official layout has 'Postcode'",
        ),
    ],
)
def test_a_file_that_is_something_else(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    refuse(tmp_path / "a.csv", message)


def test_months_before_days_are_refused_and_never_guessed(tmp_path: Path) -> None:
    dates = [f"7/{day:02d}/2011" for day in range(1, 32)]
    refuse(write(tmp_path / "a.csv", home(dates=dates)), "'7/13/2011' is not a date")


def test_missing_files_show_the_nearest_names(tmp_path: Path) -> None:
    write(tmp_path / "2011-2012 Solar.csv", home())
    refuse(tmp_path / "2011-2012 Soler.csv", r"does not exist; nearest names there: 2011-2012 Solar\.csv")
    refuse(tmp_path / "nowhere" / "a.csv", "does not exist, nor does the folder .*nowhere; check the path")
    refuse(tmp_path / "nowhere", "does not exist; .*; the official files come with: p2p-market data fetch --folder")
    empty = tmp_path / "empty"
    empty.mkdir()
    refuse(empty / "a.csv", "does not exist; the folder is empty")
    refuse([], "no data file is named")
    refuse([tmp_path, tmp_path / "2011-2012 Solar.csv"], "is named twice; name every file once")


def test_folders_without_official_files(tmp_path: Path) -> None:
    refuse(tmp_path, "holds no CSV or zip file; put the Ausgrid files there")
    (tmp_path / "mine.csv").write_text("a,b\n")
    refuse(tmp_path, r"no file in the folder .* has the official Ausgrid layout \(found: mine\.csv\)")


def zip_with(path: Path, name: str, content: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return path


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def damaged_inside(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 8]) + content[middle + 8 :]


@pytest.mark.parametrize("damage", [cut_short, damaged_inside])
def test_a_damaged_archive(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    rows = [row("12", category, "1/07/2011", value=[str(slot / 7) for slot in range(48)]) for category in ("GC", "GG")]
    path = zip_with(tmp_path / "a.zip", "a.csv", text(rows))
    path.write_bytes(damage(path.read_bytes()))
    refuse(path, "a.zip is not a complete zip archive .* cut short: download or copy it again")


def test_an_archive_without_data(tmp_path: Path) -> None:
    path = zip_with(tmp_path / "a.zip", "notes.txt", "hello")
    refuse(path, r"holds no CSV file \(it holds: notes\.txt\); give an archive of Ausgrid CSV files")


def test_faults_inside_an_archive_name_the_member(tmp_path: Path) -> None:
    path = zip_with(tmp_path / "a.zip", "2011.csv", text(spoiled(4, 10, "x")))
    refuse(path, r"2011\.csv in .*a\.zip, line 4, column '3:00' .* 'x' is not a number")


def test_a_failed_load_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", spoiled(4, 10, "x"))
    with pytest.raises(DataError, match="'x' is not a number"):
        load_ausgrid(path, cache_folder=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.parquet*"))


@pytest.mark.parametrize("junk", [b"\x00\x00", b"a\rb"])
def test_damage_that_is_no_text_names_the_line(tmp_path: Path, junk: bytes) -> None:
    content = text(home()).encode().split(b"\r\n")
    content[3] = content[3].replace(b",0.5,", b"," + junk + b",", 1)
    (tmp_path / "a.csv").write_bytes(b"\r\n".join(content))
    refuse(tmp_path / "a.csv", r"a\.csv, line \d")


def test_a_binary_file_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(256)) * 50)
    refuse(tmp_path / "a.csv", "is not in the official Ausgrid layout")
