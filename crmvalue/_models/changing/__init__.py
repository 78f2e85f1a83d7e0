"""Models with covariates of single customers that change in time.

`time_varying_history` holds the purchases and the covariates, `pieces` cuts the time of customers where covariates
change, `likelihood` is the likelihood with its derivatives, `time_varying_pareto_nbd` the model and its fit.
Import the modules themselves: this file holds nothing.
"""
