"""Business time of a million tickets, over holidays and changes of the clocks."""

from __future__ import annotations

import time

import numpy as np

from crmvalue.metrics import BusinessHours, resolution_time, service_level

N = 1_000_000
rng = np.random.default_rng(1)
opened = np.datetime64("2023-01-01T00:00", "s") + rng.integers(0, 2 * 365 * 86_400, N)
resolved = opened + rng.exponential(40_000, N).astype(np.int64)
hours = {"Mon-Fri": ["09:00-13:00", "14:00-18:00"], "Sat": "10:00-14:00"}
holidays = ["2023-12-25", "2024-01-01", "2024-12-25"]


def report(name, function):
    begin = time.perf_counter()
    function()
    print(f"{name:42} {time.perf_counter() - begin:6.2f} s")


for zone in (None, "Europe/Kyiv"):
    office = BusinessHours(hours=hours, holidays=holidays, time_zone=zone)
    named = f"{N:,} tickets, zone {zone}"
    report(f"hours_between, {named}", lambda office=office: office.hours_between(opened, resolved))
    report(f"add_hours, {named}", lambda office=office: office.add_hours(opened, 8))
    report(
        f"resolution_time, {named}",
        lambda office=office: resolution_time(opened, resolved, as_of="2025-01-01", business_hours=office),
    )
    report(
        f"service_level, {named}",
        lambda office=office: service_level(opened, resolved, 8, as_of="2025-01-01", business_hours=office),
    )
