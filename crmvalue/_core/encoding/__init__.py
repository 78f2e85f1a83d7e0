"""Columns and rows become codes: identifiers and texts (`customers`, `texts`), rows of numbers (`keys`).

`indexes` has the labels that columns carry, `threads` the second core that long columns use. Import the modules
themselves: this file holds nothing.
"""
