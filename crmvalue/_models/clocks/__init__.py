"""Clocks of purchases: they run faster in a season, and a model runs by them.

`clock` adds up the levels of the days. `clock_process` lets a model run by it whose customers leave at a purchase, or
never; customers of Pareto/NBD leave by the ordinary clock, see `pareto_clock_process`. `pieces` cuts time where a clock
changes its pace.
Import the modules themselves: this file holds nothing.
"""
