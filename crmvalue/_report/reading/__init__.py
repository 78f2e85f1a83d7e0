"""Files of orders and of terms, of any size, read through DuckDB.

`places` finds the files that are meant, `encodings` makes UTF-8 of those that are not, `sources` opens them as a view,
`orders` reads an order log from it, and `terms` the margin and costs of each customer.
Import the modules themselves: this file holds nothing.
"""
