"""From purchases to money: the value of each customer, and how sure it is.

`customer_values` is the table of all customers;
`posterior`, `outcomes` and `value_intervals` make its intervals, and `holdouts` widens them.
Import the modules themselves: this file holds nothing.
"""
