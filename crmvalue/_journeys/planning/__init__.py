"""Which messages of all journeys are sent: checks in a stated order, caps, budget.

`planner` makes a plan, `checks` decides in a stated order, `caps` counts, `policy` holds what
the user sets, `sending_times` knows clocks and quiet hours, `plan` is the result.
Import the modules themselves: this file holds nothing.
"""
