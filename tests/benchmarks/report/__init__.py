"""The report of a run: a file of numbers, and a page for readers."""
