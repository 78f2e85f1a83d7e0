"""Models of customers who buy more regularly than at random.

`erlang` has the mathematics of both models, `erlang_likelihood` their likelihood, `bg_cnbd` the models and their fits,
`regularity` how regularly a log of orders was bought from.
Import the modules themselves: this file holds nothing.
"""
