"""The room of `crmvalue.promotions`.

`cart` holds carts, `promotion` promotions with the items they are for, `caps` technical limits, `result` what comes
out. `prepare` finds what can apply to a cart and why the rest cannot, `groups` forms groups of units, `pricing` prices
one choice under the caps, `search` looks for the cheapest choice, `receipt` writes the result. `uses` is
what is done with them: returns, offers that are near, checks of a set of promotions, comparisons on past carts.
Import the modules themselves: this file holds nothing.
"""
