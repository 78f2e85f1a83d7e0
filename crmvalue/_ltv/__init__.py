"""The room of `crmvalue.ltv`.

`formulas` holds the seven closed forms and the value at constant retention, `segments` the value by segment;
`rates` converts rates, `cash_flows` discounts, `unit_economics` compares value with acquisition cost,
`sensitivity` varies inputs, `recalculation` dates values; `checks` serves them.
Import the modules themselves: this file holds nothing.
"""
