"""What is done with promotions and priced carts.

`returns` says what is refunded, `offers` what is nearly reached, `lint` what is wrong with a set of promotions,
`compare` what it would have cost on past carts, which `history` holds as columns.
Import the modules themselves: this file holds nothing.
"""
