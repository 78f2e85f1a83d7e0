"""The room of `crmvalue.report` and of the command.

`base`, `groups` and `models` measure the three parts of the overview; `base_summary` holds the values of the first.
`text` writes them; `reading` reads order logs from CSV and Parquet, `output` writes the table of customers.
Import the modules themselves: this file holds nothing.
"""
