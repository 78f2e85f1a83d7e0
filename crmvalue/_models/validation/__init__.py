"""Whether a model is right: calibration, tracking, comparison on a holdout.

`calibration` looks at one model, `comparison` ranks several.
Neither fits a model of its own.
Import the modules themselves: this file holds nothing.
"""
