"""The room of `crmvalue.segmentation`: groups of customers and their change.

`rfm` scores and `segment_table` names the groups; `lifecycle` goes by silence; `rules`,
`segment_columns` and `membership` are dynamic segments; `migration` and `segment_value` compare two dates.
Import the modules themselves: this file holds nothing.
"""
