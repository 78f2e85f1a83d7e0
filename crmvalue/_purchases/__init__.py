"""The room of `crmvalue.purchases`: reading an order log.

`order_log` checks and nets the rows of a log; `covariate_columns` reads traits of customers.
The door `purchases.py` makes histories of them.
Import the modules themselves: this file holds nothing.
"""
