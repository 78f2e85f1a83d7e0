"""The room of `crmvalue.ltv`: what stands beside the formulas of lifetime value.

`rates` converts rates between periods, `cash_flows` discounts, `unit_economics` sets value against
acquisition cost, `sensitivity` says which input matters; `checks` serves them.
Import the modules themselves: this file holds nothing.
"""
