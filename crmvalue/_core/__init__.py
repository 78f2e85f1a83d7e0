"""The ground under all subjects: checks, dates, frozen values, codes of columns, labels, JSON.

No module here knows a subject. Code that two subjects share belongs here; code of one subject stays in its room.
The modules `crmvalue.errors` and `crmvalue.typing` are public, and these modules import them.
Import the modules themselves: this file holds nothing.
"""
