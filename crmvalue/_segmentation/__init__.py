"""The room of `crmvalue.segmentation`: groups of customers and their changes.

`rfm` scores, `segment_table` names the groups, `lifecycle` goes by the last purchase; `rules`, `segment_columns`
and `membership` are dynamic segments; `migration` and `segment_value` compare two dates; `concentration` measures
inequality; `labels` serves them all.
Import the modules themselves: this file holds nothing.
"""
