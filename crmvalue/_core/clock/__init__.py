"""Opening hours (`business_hours`) and the offsets of time zones (`zones`).

Import the modules themselves: this file holds nothing.
"""
