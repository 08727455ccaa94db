"""The trial of a fault test: calls and faults, and the check of all promises after them."""
