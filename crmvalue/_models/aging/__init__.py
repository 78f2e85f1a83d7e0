"""Models of customers who leave at a rate that changes with their age.

`ggompertz_nbd` has the model and its fit, `ggompertz_nbd_likelihood` its likelihood, `ggompertz_nbd_predictions` what
customers will do, `panels` the rule of integration.
Import the modules themselves: this file holds nothing.
"""
