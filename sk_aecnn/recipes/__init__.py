"""From parameters and data to concrete values, and from these to networks."""
