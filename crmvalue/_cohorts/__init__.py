"""The room of `crmvalue.cohorts`: what customers of one period do later.

`retention` counts who came back and what they spent;
`survival_curve` says how long customers stay when some are still here.
Import the modules themselves: this file holds nothing.
"""
