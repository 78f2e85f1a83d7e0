"""Models of the money of one purchase, one model a file.

Import the modules themselves: this file holds nothing.
"""
