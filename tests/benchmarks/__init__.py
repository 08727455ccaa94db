"""How fast it is, beside what a user would pick instead: ``make bench``."""
