"""Profiles: one customer from the records of many channels.

`keys.py` brings keys into one form, `merging.py` merges records on plain numbers, `profiles.py` is the result.
"""
