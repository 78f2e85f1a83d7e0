"""Offers: `learning` counts what followed, `scoring` ranks, `candidates` gives offers, `check` holds out a period."""
