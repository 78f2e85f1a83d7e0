"""Models of contracts that are renewed or not, one file each.

`histories` holds what both are fitted on, `renewals` their mathematics, `contract_model` their public methods.
The beta-discrete-Weibull model with c = 1 is the shifted beta-geometric one.
Import the modules themselves: this file holds nothing.
"""
