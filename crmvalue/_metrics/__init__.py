"""The room of `crmvalue.metrics`: key figures, one file for each kind.

Shares and amounts from counts stand in `customers`, `revenue`, `engagement`, `service`; scores of
surveys in `feedback`; `intervals` says how sure a share is; `survival` and `common` serve the others.
Import the modules themselves: this file holds nothing.
"""
