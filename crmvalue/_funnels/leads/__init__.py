"""Who is ready to buy, and what to do next.

`score` adds up points of rules, `fit` learns them from past leads,
`follow_up` makes tasks with a time limit.
Import the modules themselves: this file holds nothing.
"""
