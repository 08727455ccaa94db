"""Load with random mishaps, and the deployment that they happen to: ``make soak``."""
