"""The room of `crmvalue.attribution`: which channels brought the customers.

`touch_paths` holds paths, `touch_log` makes them from a log of touches;
`markov` and `shapley` are the two models that compare paths.
Import the modules themselves: this file holds nothing.
"""
