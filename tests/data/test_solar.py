"""The sun against an independent library, and against what everybody knows about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pvlib
import pytest

from p2p_market.data.solar import (
    GROUND_REFLECTANCE,
    clear_sky_irradiance,
    diffuse_fraction,
    roof_normal,
    solar_position,
    tilted_irradiance,
)

YEARS = np.arange("2010-01-01", "2014-01-01", 97, dtype="datetime64[m]")  # 97 minutes: every hour of the day


@pytest.mark.parametrize(
    ("latitude", "longitude", "utc_offset", "zone"),
    [(-33.8, 151.2, 10.0, "Etc/GMT-10"), (52.5, 13.4, 1.0, "Etc/GMT-1"), (40.0, -105.0, -7.0, "Etc/GMT+7")],
)
def test_position_agrees_with_pvlib(latitude: float, longitude: float, utc_offset: float, zone: str) -> None:
    position = solar_position(YEARS, latitude, longitude, utc_offset)
    expected = pvlib.solarposition.get_solarposition(pd.DatetimeIndex(YEARS).tz_localize(zone), latitude, longitude)
    zenith, azimuth = np.radians(expected["zenith"]), np.radians(expected["azimuth"])
    away = np.stack([np.sin(zenith) * np.sin(azimuth), np.sin(zenith) * np.cos(azimuth), np.cos(zenith)])
    cosine = position.east * away[0] + position.north * away[1] + position.up * away[2]
    assert np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))).max() < 0.02
    np.testing.assert_allclose(position.elevation_degrees, expected["elevation"], atol=0.02)


def test_eccentricity_agrees_with_pvlib() -> None:
    position = solar_position(YEARS, -33.8, 151.2, 10.0)
    extra = pvlib.irradiance.get_extra_radiation(pd.DatetimeIndex(YEARS).tz_localize("Etc/GMT-10"), method="nrel")
    np.testing.assert_allclose(position.eccentricity, extra / 1366.1, rtol=1e-3)


def test_sun_of_sydney_stands_in_the_north_at_noon_and_higher_in_december() -> None:
    noons = solar_position(np.array(["2012-12-21T12:00", "2012-06-21T12:00"], "datetime64[m]"), -33.8, 151.2, 10.0)
    assert (noons.north > 0).all()
    assert noons.elevation_degrees == pytest.approx([90 - (33.8 - 23.44), 90 - (33.8 + 23.44)], abs=0.2)


def test_clear_sky_agrees_with_pvlib() -> None:
    zenith = np.linspace(0.0, 89.0, 200)
    expected = pvlib.clearsky.haurwitz(pd.Series(zenith))["ghi"]
    np.testing.assert_allclose(clear_sky_irradiance(np.cos(np.radians(zenith))), expected, rtol=1e-9)


def test_no_irradiance_at_night() -> None:
    assert (clear_sky_irradiance(np.array([-1.0, -1e-9, 0.0])) == 0.0).all()


def test_diffuse_fraction_agrees_with_pvlib() -> None:
    # With the sun overhead the clearness index is the irradiance over the extraterrestrial one.
    clearness, day_of_year = np.linspace(0.01, 0.99, 100), 94
    extra = pvlib.irradiance.get_extra_radiation(day_of_year)
    expected = pvlib.irradiance.erbs(clearness * extra, np.zeros(100), day_of_year)
    np.testing.assert_allclose(diffuse_fraction(clearness), expected["dhi"] / (clearness * extra), rtol=2e-3)


def test_tilted_irradiance_agrees_with_pvlib() -> None:
    position = solar_position(YEARS, -33.8, 151.2, 10.0)
    high = position.up > 0.1  # near the horizon the two limit the ratio of cosines differently
    global_horizontal = clear_sky_irradiance(position.up)
    diffuse = 0.2 * global_horizontal
    beam = global_horizontal - diffuse
    zenith = np.degrees(np.arccos(position.up))
    azimuth = np.degrees(np.arctan2(position.east, position.north)) % 360.0
    expected = pvlib.irradiance.get_total_irradiance(
        25.0, 40.0, zenith, azimuth, beam / np.where(high, position.up, 1.0), global_horizontal, diffuse,
        albedo=GROUND_REFLECTANCE, model="isotropic",
    )["poa_global"]  # fmt: skip
    np.testing.assert_allclose(
        tilted_irradiance(position, beam, diffuse, 25.0, 40.0)[high], expected[high], rtol=1e-6, atol=1e-6
    )


def test_flat_roof_receives_the_horizontal_irradiance() -> None:
    position = solar_position(YEARS, -33.8, 151.2, 10.0)
    high = position.up > 0.1
    beam, diffuse = 500.0 * position.up[high], np.full(high.sum(), 100.0)
    east, north, up = (component[high] for component in (position.east, position.north, position.up))
    part = type(position)(east, north, up, position.eccentricity[high])
    np.testing.assert_allclose(tilted_irradiance(part, beam, diffuse, 0.0, 123.0), beam + diffuse)


def test_roof_normal_points_where_the_roof_faces() -> None:
    assert roof_normal(90.0, 90.0) == pytest.approx((1.0, 0.0, 0.0))
    assert roof_normal(90.0, 180.0) == pytest.approx((0.0, -1.0, 0.0))
    assert roof_normal(0.0, 77.0) == pytest.approx((0.0, 0.0, 1.0))
