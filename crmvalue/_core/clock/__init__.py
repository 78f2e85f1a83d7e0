"""Opening hours (`business_hours`), the offsets of time zones (`zones`), and logs that begin late (`old_customers`).

Import the modules themselves: this file holds nothing.
"""
