"""Support that several suites share."""
