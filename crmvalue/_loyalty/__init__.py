"""The room of `crmvalue.loyalty`: what a programme promises, owes and does.

`policy` is what is promised, `booking` puts events into lots, `ledger` answers from them; `shares` splits numbers.
`earning` and `levels` are the rules of a programme, `simulation` tries them on past orders.
Import the modules themselves: this file holds nothing.
"""
