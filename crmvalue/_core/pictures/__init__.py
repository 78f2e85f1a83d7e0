"""Pictures of results: one description of each, from which the columns, Vega-Lite and matplotlib follow."""
