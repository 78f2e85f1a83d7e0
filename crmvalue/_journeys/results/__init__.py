"""What came of journeys: reactions, orders and their credit, control groups, ranks, campaigns of the past, hours."""
