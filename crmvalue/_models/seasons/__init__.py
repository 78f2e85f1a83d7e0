"""Seasons: a calendar that all customers share and that makes the clock of their purchases run faster or slower.

`calendar` says how fast each day runs, `clock` adds the days up, `clock_process` lets a model run by that clock and
`seasonal_model` is the model with its calendar. `calendar_fit` finds both, `likelihood` is what it climbs.
Import the modules themselves: this file holds nothing.
"""
