"""Groups of units: which there are, what they can take off at most, and the best of them.

`budget` counts the steps of a search, `listing` lists the bundles of a promotion, `groups` brings promotions together
that share lines and bounds what they take off, `exact` looks through all groups, and `greedy` finds good ones quickly.
"""
