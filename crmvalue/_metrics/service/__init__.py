"""Key figures of service: tickets and their times, shares within a promised time, and what service does to retention.

Import the modules themselves: this file holds nothing.
"""
