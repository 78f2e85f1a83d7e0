"""Models of repeat buying without a contract, one file each.

BG/NBD, MBG/NBD and Pareto/NBD take a purchase history, BG/BB purchase opportunities.
What a model needs beside its own file begins with its name.
Import the modules themselves: this file holds nothing.
"""
