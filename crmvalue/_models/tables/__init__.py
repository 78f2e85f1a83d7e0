"""Models fitted to tables of counts, for those who have no single customers.

`count_histogram` and `binned_history` are the tables, `interval_counts` the probabilities of counts in a period,
`histogram_likelihood` and `binned_likelihood` what the tables say of the parameters, `table_fit` the fits.
Import the modules themselves: this file holds nothing.
"""
