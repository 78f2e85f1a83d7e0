"""What all models share: the search for parameters, checks, covariates, numerics.

`purchase_model` has the public methods, `process` the mathematics that a model supplies; `fit`, `purchase_fit` and
`covariate_fit` search for parameters; `numerics` and `discrete` are formulas without a model.
Import the modules themselves: this file holds nothing.
"""
