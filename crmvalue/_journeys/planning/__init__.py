"""Which messages of all journeys are sent: checks in a stated order, caps, budget.

`planner` runs the checks, `caps` counts, `policy` holds what the user sets,
`plan` is the result.
Import the modules themselves: this file holds nothing.
"""
