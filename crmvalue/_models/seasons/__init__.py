"""Seasons: a calendar that all customers share and that makes the clock of their purchases run faster or slower.

`calendar` says how fast each day runs, and `seasonal_model` is a model with its calendar. `calendar_fit` finds both;
`likelihood` is what it climbs, for Pareto/NBD `pareto_likelihood`.
Import the modules themselves: this file holds nothing.
"""
