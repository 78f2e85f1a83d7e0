"""The room of `crmvalue.models`: probability models and what is made of them.

`shared` serves all models; `repeat`, `contracts` and `spend` hold one model a file; `values` makes money of
them; `validation` compares them with what came.
Import the modules themselves: this file holds nothing.
"""
