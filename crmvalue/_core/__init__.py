"""The ground under all subjects: checks, dates, frozen values, keys, labels, JSON.

Nothing here knows a subject. What two subjects share belongs here; what one subject needs stays in its own room.
The modules `crmvalue.errors` and `crmvalue.typing` lie below: they are public.
Import the modules themselves: this file holds nothing.
"""
