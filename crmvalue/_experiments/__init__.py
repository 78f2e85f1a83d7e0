"""The room of `crmvalue.experiments`: whether a change helped.

`arms` serves the others; `proportions` and `means` compare, `size` plans, `sequential` and
`sequential_means` may be watched; `best_arm` chooses, `assignment` draws who sees what.
Import the modules themselves: this file holds nothing.
"""
