"""The Pareto/NBD whose rates of purchase and of leaving are correlated.

`correlated_pareto_nbd` has the model and its fit, `likelihood` its likelihood, `dependence` the joint distribution of
the two rates.
Import the modules themselves: this file holds nothing.
"""
