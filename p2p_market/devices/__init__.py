"""What households can steer, as pure physics over arrays ``(B, N)``: one module a kind of device."""

from p2p_market.devices.base import (
    Device,
    DeviceDesign,
    DeviceDraw,
    DeviceFeature,
    DeviceInterval,
    DeviceKind,
    DeviceMove,
    DeviceRecord,
    DeviceState,
)
from p2p_market.devices.battery import Batteries, BatteryDesign
from p2p_market.devices.controlled_load import ControlledLoadDesign, ControlledLoads
from p2p_market.devices.electric_vehicle import ElectricVehicleDesign, ElectricVehicles
from p2p_market.devices.fleet import Dispatch, Fleet
from p2p_market.devices.linear import DeviceOutlook, LinearDevice, LinearStore, Plannable, Target
from p2p_market.devices.pv_curtailment import PvCurtailment, PvCurtailmentDesign
from p2p_market.registry import Registry

DEVICES: Registry[DeviceKind] = Registry(
    "device",
    {
        "battery": DeviceKind(
            BatteryDesign,
            Batteries.of_designs,
            "battery power",
            {
                "state_of_charge": DeviceFeature(
                    Batteries.charge_share, 0.0, 1.0, "capacity", "stored energy of the own battery"
                ),
                "battery_power": DeviceFeature(
                    Batteries.relative_power, 0.0, 1.0, "reference power", "rated power of the own battery, 0: none"
                ),
                "battery_capacity": DeviceFeature(
                    Batteries.relative_capacity,
                    0.0,
                    1.0,
                    "four hours of the reference power",
                    "capacity of the own battery, 0: none",
                ),
            },
            "battery behind the meter; +1 charges at rated power, -1 discharges",
            default="idle, where no storage rule steers it",
            cost="wear of the energy that passes in either direction; charge missing when an episode ends",
            recorded=("state_of_charge",),
            key_figures={
                "battery_taken_kwh": "energy that batteries took",
                "battery_given_kwh": "energy that they gave",
                "battery_cycles": "full cycles: energy given over what a full battery gives, mean over batteries",
            },
        ),
        "controlled_load": DeviceKind(
            ControlledLoadDesign,
            ControlledLoads.of_designs,
            "controlled load",
            {
                "controlled_load_due": DeviceFeature(
                    ControlledLoads.due_share,
                    0.0,
                    1.0,
                    "full power all window",
                    "energy the own controlled load has due",
                ),
                "controlled_load_time_left": DeviceFeature(
                    ControlledLoads.time_left, 0.0, 1.0, "window", "what is left of its daily window, 0 outside it"
                ),
            },
            "recorded hot water, shifted inside a daily window; -1 off, +1 full power, default as recorded",
            default="as recorded",
            cost="comfort, for what is missed when a window ends; what is behind the default when an episode ends",
            recorded=("controlled_load_due",),
            key_figures={"controlled_load_taken_kwh": "energy that controlled loads took"},
            is_load=True,
            has_deadlines=True,
        ),
        "pv_curtailment": DeviceKind(
            PvCurtailmentDesign,
            PvCurtailment.of_designs,
            "PV curtailment",
            {
                "can_curtail_pv": DeviceFeature(
                    PvCurtailment.can_curtail, 0.0, 1.0, "1", "1 if the own PV can be thrown away, 0 if not"
                ),
            },
            "a share of the own PV is thrown away; -1 nothing (the default), +1 everything",
            default="throws nothing away",
            cost="nothing but the energy",
            key_figures={"pv_curtailed_kwh": "PV generation that was thrown away by choice"},
        ),
        "electric_vehicle": DeviceKind(
            ElectricVehicleDesign,
            ElectricVehicles.of_designs,
            "electric vehicle",
            {
                "electric_vehicle_here": DeviceFeature(
                    ElectricVehicles.plugged_in, 0.0, 1.0, "1", "1 while the own vehicle is plugged in"
                ),
                "electric_vehicle_due": DeviceFeature(
                    ElectricVehicles.due_days,
                    0.0,
                    1.0,
                    "a day at full power",
                    "energy to charge until the own vehicle leaves",
                ),
                "electric_vehicle_time_left": DeviceFeature(
                    ElectricVehicles.days_left, 0.0, 1.0, "a day", "time until it leaves, 0 while it is away"
                ),
            },
            "electric vehicle charged between trips; +1 full power, -1 off or, if it can, back to the home; default on "
            "arrival",
            default="charges on arrival at full power until nothing is due",
            cost="comfort, for what is missing at departure; wear of what it gives back; what is behind the default "
            "when an episode ends",
            recorded=("electric_vehicle_here", "electric_vehicle_due"),
            key_figures={
                "electric_vehicle_charged_kwh": "energy that electric vehicles took",
                "electric_vehicle_given_kwh": "energy that they gave back",
                "electric_vehicle_missed_kwh": "energy that was missing when they left",
                "electric_vehicle_served_share": "share of their departures at which nothing was missing",
            },
            is_load=True,
            has_deadlines=True,
        ),
    },
)

__all__ = [
    "DEVICES",
    "Batteries",
    "BatteryDesign",
    "ControlledLoadDesign",
    "ControlledLoads",
    "Device",
    "DeviceDesign",
    "DeviceDraw",
    "DeviceFeature",
    "DeviceInterval",
    "DeviceKind",
    "DeviceMove",
    "DeviceOutlook",
    "DeviceRecord",
    "DeviceState",
    "Dispatch",
    "ElectricVehicleDesign",
    "ElectricVehicles",
    "Fleet",
    "LinearDevice",
    "LinearStore",
    "Plannable",
    "PvCurtailment",
    "PvCurtailmentDesign",
    "Target",
]
