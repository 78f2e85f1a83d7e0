"""The room of `crmvalue.purchases`: from an order log to one row per customer.

`order_log` checks, merges and nets the rows of a log; `history` holds the result, one row per customer.
`summary` and `splits` make histories of logs; `covariate_columns` reads traits of customers.
Import the modules themselves: this file holds nothing.
"""
