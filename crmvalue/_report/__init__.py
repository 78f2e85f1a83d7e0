"""The room of `crmvalue.report` and of the command.

`files` reads CSV and Parquet, `output` writes; `groups` and `models` are parts of the overview.
Nothing outside the report imports it.
Import the modules themselves: this file holds nothing.
"""
