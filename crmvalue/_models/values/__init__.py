"""From purchases to money: spend, the value of each customer, and how sure it is.

`gamma_gamma` is the model of spend, `customer_values` the table of all customers;
`posterior`, `outcomes` and `value_intervals` make its intervals, and `holdouts` widens them.
Import the modules themselves: this file holds nothing.
"""
