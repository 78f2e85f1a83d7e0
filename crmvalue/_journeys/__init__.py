"""The room of `crmvalue.journeys`: whom to contact today, with what, and why not the others.

`kinds` holds one file for each kind of journey, `planning` decides which messages are sent;
`data` is what both look at; `effect` asks whether it paid; `service` plans visits.
Import the modules themselves: this file holds nothing.
"""
