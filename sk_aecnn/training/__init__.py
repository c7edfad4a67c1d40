"""The training loop around skorch, and what it minimises."""
