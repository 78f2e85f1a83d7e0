"""Products: `lines` are read, `counting` counts pairs of items, `table` is what all results share.

Import the modules themselves: this file holds nothing.
"""
