"""The report as one page of HTML, for people who would rather look than read.

`contents` measures what the page shows, `people` names the customers to write to. `html` fills the template
`page.html` with it; `cautions` and `method` write what the data warn of and how all was computed, `svg` draws the
pictures, and `words` has the labels of each language, from the catalogues in `words/`.
Import the modules themselves: this file holds nothing.
"""
