"""The service cycle of installed items: reminders, visits and terms.

`cycle` says whom to contact about which item, `visits` gives each visit a week, a technician and an hour, and `terms`
keeps what was promised.
"""
