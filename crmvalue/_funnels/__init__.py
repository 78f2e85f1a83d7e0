"""The room of `crmvalue.funnels`: where prospects are lost.

`counts` is the funnel itself; `events` makes one from a log with `steps` and `attempts`;
`pipeline` forecasts open deals, `leads` says who is ready to buy.
Import the modules themselves: this file holds nothing.
"""
