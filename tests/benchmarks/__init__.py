"""Benchmarks of PredictMQ and its alternatives: ``make bench``."""
