"""Products: order lines, what goes together, what comes next, what is due, and what changes."""
