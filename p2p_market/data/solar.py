"""The sun: where it stands, how bright a clear sky is, and what of it a tilted roof receives.

Published closed-form equations, vectorised over time and in plain NumPy, so that the synthetic community
needs no solar library at run time. ``pvlib`` is used in the tests only, as an independent check.

Angles are radians unless a name ends in ``_degrees``; azimuths run clockwise from north (east = 90 degrees);
irradiance is in W/m².

References
----------
.. [1] J. J. Michalsky, "The Astronomical Almanac's algorithm for approximate solar position (1950-2050)",
   Solar Energy 40 (3), 227-235 (1988).
.. [2] J. A. Duffie, W. A. Beckman, "Solar Engineering of Thermal Processes", 4th ed., Wiley (2013),
   chapters 1 and 2.
.. [3] B. Haurwitz, "Insolation in relation to cloudiness and cloud density", J. Meteorology 2, 154-166
   (1945), in the form given by M. J. Reno, C. W. Hansen, J. S. Stein, "Global horizontal irradiance clear sky
   models", Sandia report SAND2012-2389 (2012).
.. [4] D. G. Erbs, S. A. Klein, J. A. Duffie, "Estimation of the diffuse radiation fraction for hourly, daily
   and monthly-average global radiation", Solar Energy 28 (4), 293-302 (1982).
.. [5] B. Y. H. Liu, R. C. Jordan, "The long-term average performance of flat-plate solar-energy collectors",
   Solar Energy 7 (2), 53-74 (1963).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from p2p_market.types import FloatArray

SOLAR_CONSTANT = 1361.0  # [W/m²] mean extraterrestrial irradiance at one astronomical unit
GROUND_REFLECTANCE = 0.2  # albedo of grass and soil, the usual default [2]
LOWEST_BEAM_COSINE = 0.05  # below 2.9 degrees of elevation the ratio of cosines is no longer physical


@dataclass(frozen=True, eq=False)
class SolarPosition:
    """Direction of the sun as a unit vector, and the eccentricity of the Earth's orbit.

    Attributes
    ----------
    east, north, up : ndarray (T,)
        Components of the unit vector towards the sun; ``up`` is the cosine of the zenith angle, negative at
        night.
    eccentricity : ndarray (T,)
        (mean distance / distance)², about 1.035 in early January and 0.966 in early July.
    """

    east: FloatArray
    north: FloatArray
    up: FloatArray
    eccentricity: FloatArray

    @property
    def elevation_degrees(self) -> FloatArray:
        """Height of the sun over the horizon [degrees], negative at night, (T,)."""
        return np.degrees(np.arcsin(np.clip(self.up, -1.0, 1.0)))


def solar_position(
    standard_time: npt.NDArray[np.datetime64],
    latitude_degrees: float,
    longitude_degrees: float,
    utc_offset_hours: float,
) -> SolarPosition:
    """Return where the sun stands, by the low-precision formulas of the Astronomical Almanac [1]_.

    Parameters
    ----------
    standard_time : ndarray (T,) of datetime64
        Local **standard** time, without daylight saving.
    latitude_degrees, longitude_degrees
        Place, north and east positive.
    utc_offset_hours
        Offset of the standard time from UTC (10 for Sydney).

    Notes
    -----
    Stated for 1950 to 2050 with an error of 0.01 degrees; refraction is left out. The direction follows from
    declination and hour angle as in [2]_, section 1.6.
    """
    noon_of_2000 = np.datetime64("2000-01-01T12:00:00", "s")
    seconds = (standard_time.astype("datetime64[s]") - noon_of_2000).astype(np.float64)
    days = seconds / 86_400.0 - utc_offset_hours / 24.0
    mean_longitude = np.radians((280.460 + 0.9856474 * days) % 360.0)
    mean_anomaly = np.radians((357.528 + 0.9856003 * days) % 360.0)
    ecliptic_longitude = (
        mean_longitude + np.radians(1.915) * np.sin(mean_anomaly) + np.radians(0.020) * np.sin(2.0 * mean_anomaly)
    )
    obliquity = np.radians(23.439 - 0.0000004 * days)
    sin_declination = np.sin(obliquity) * np.sin(ecliptic_longitude)
    cos_declination = np.sqrt(1.0 - sin_declination**2)
    right_ascension = np.arctan2(np.cos(obliquity) * np.sin(ecliptic_longitude), np.cos(ecliptic_longitude))
    distance = 1.00014 - 0.01671 * np.cos(mean_anomaly) - 0.00014 * np.cos(2.0 * mean_anomaly)

    # Hour angle: mean solar time, plus the equation of time (mean longitude less right ascension).
    mean_solar_turns = days + 0.5 + longitude_degrees / 360.0
    hour_angle = 2.0 * np.pi * (mean_solar_turns % 1.0 - 0.5) + (mean_longitude - right_ascension)
    latitude = np.radians(latitude_degrees)
    cos_hour_angle = np.cos(hour_angle)
    return SolarPosition(
        east=-cos_declination * np.sin(hour_angle),
        north=sin_declination * np.cos(latitude) - cos_declination * np.sin(latitude) * cos_hour_angle,
        up=sin_declination * np.sin(latitude) + cos_declination * np.cos(latitude) * cos_hour_angle,
        eccentricity=distance**-2,
    )


def clear_sky_irradiance(cos_zenith: FloatArray) -> FloatArray:
    """Return the global horizontal irradiance under a clear sky [W/m²], by Haurwitz [3]_.

    Parameters
    ----------
    cos_zenith : ndarray
        Cosine of the sun's zenith angle; zero irradiance where it is not positive.
    """
    cosine = np.maximum(cos_zenith, 1e-6)
    irradiance: FloatArray = np.where(cos_zenith > 0.0, 1098.0 * cosine * np.exp(-0.059 / cosine), 0.0)
    return irradiance


def diffuse_fraction(clearness: FloatArray) -> FloatArray:
    """Return the share of the global horizontal irradiance that is diffuse, by Erbs et al. [4]_.

    Parameters
    ----------
    clearness : ndarray
        Clearness index: global horizontal irradiance over its extraterrestrial value, 0 to about 0.8.
    """
    kt = np.clip(clearness, 0.0, 1.0)
    middle = 0.9511 + kt * (-0.1604 + kt * (4.388 + kt * (-16.638 + kt * 12.336)))
    fraction: FloatArray = np.where(kt <= 0.22, 1.0 - 0.09 * kt, np.where(kt <= 0.8, middle, 0.165))
    return fraction


def roof_normal(tilt_degrees: float, azimuth_degrees: float) -> tuple[float, float, float]:
    """Return the unit vector (east, north, up) that a roof faces; azimuth clockwise from north."""
    tilt, azimuth = np.radians(tilt_degrees), np.radians(azimuth_degrees)
    return (
        float(np.sin(tilt) * np.sin(azimuth)),
        float(np.sin(tilt) * np.cos(azimuth)),
        float(np.cos(tilt)),
    )


def tilted_irradiance(
    position: SolarPosition,
    beam_horizontal: FloatArray,
    diffuse_horizontal: FloatArray,
    tilt_degrees: float,
    azimuth_degrees: float,
) -> FloatArray:
    """Return the irradiance in the plane of a roof [W/m²], by the isotropic sky of Liu and Jordan [5]_.

    Parameters
    ----------
    position
        Direction of the sun, (T,).
    beam_horizontal, diffuse_horizontal : ndarray (T,)
        Direct and diffuse part of the global horizontal irradiance [W/m²].
    tilt_degrees, azimuth_degrees
        Slope of the roof (0 is flat) and the direction it faces, clockwise from north.

    Returns
    -------
    ndarray (T,)
        ``beam·cos(incidence)/cos(zenith) + diffuse·(1 + cos(tilt))/2 + global·albedo·(1 - cos(tilt))/2``
    """
    east, north, up = roof_normal(tilt_degrees, azimuth_degrees)
    cos_incidence = position.east * east + position.north * north + position.up * up
    beam_ratio = np.maximum(cos_incidence, 0.0) / np.maximum(position.up, LOWEST_BEAM_COSINE)
    sky_view, ground_view = (1.0 + up) / 2.0, GROUND_REFLECTANCE * (1.0 - up) / 2.0
    return beam_horizontal * (beam_ratio + ground_view) + diffuse_horizontal * (sky_view + ground_view)
