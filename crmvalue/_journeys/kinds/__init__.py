"""The kinds of journeys, one file each: cascade, birthday, trigger, and journeys of steps.

A kind says which messages it would send on a day; whether they are sent is decided in `planning`.
`steps` are the parts that a journey of steps is made of.
Import the modules themselves: this file holds nothing.
"""
