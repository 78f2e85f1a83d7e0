"""Events booked into lots, the only place where points change hands.

`log.py` says what an event is, `plain.py` books members whose points only come and go all at once, `replay.py` the
others. `addition.py` finds whom more events concern, and joins their new bookings with those of all others.
"""
