"""What all models share: the search for parameters, checks, covariates, numerics.

`fit` searches and diagnoses; `covariates` and `covariate_fit` let traits of customers count;
`common` checks histories; `numerics` and `discrete` are formulas without a model.
Import the modules themselves: this file holds nothing.
"""
