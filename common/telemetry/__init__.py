"""Logs, metrics and traces of both services."""
