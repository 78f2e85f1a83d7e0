"""Columns and rows become codes: identifiers and texts (`customers`, `texts`), rows of numbers (`keys`).

`threads` has the second core that long columns use. Import the modules themselves: this file holds nothing.
"""
