"""What no single level shows: faults by name, each with the query that finds their subjects."""
