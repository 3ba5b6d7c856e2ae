"""What households can steer, as pure physics over arrays ``(B, N)``: one module a kind of device."""

from p2p_market.devices.base import Device, DeviceDesign, DeviceKind, DeviceMove, DeviceState
from p2p_market.devices.battery import Batteries, BatteryDesign
from p2p_market.devices.fleet import Dispatch, Fleet
from p2p_market.registry import Registry

DEVICES: Registry[DeviceKind] = Registry(
    "device",
    {
        "battery": DeviceKind(
            BatteryDesign,
            Batteries.of_designs,
            "battery power",
            "battery behind the meter; +1 charges at rated power, -1 discharges",
        ),
    },
)

__all__ = [
    "DEVICES",
    "Batteries",
    "BatteryDesign",
    "Device",
    "DeviceDesign",
    "DeviceKind",
    "DeviceMove",
    "DeviceState",
    "Dispatch",
    "Fleet",
]
