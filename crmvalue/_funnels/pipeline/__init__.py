"""What the open pipeline will bring.

`stage_probabilities` learns from past deals, `forecast` adds up the open ones,
`forecast_calibration` holds past forecasts against what came.
Import the modules themselves: this file holds nothing.
"""
