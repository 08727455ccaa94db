"""Models for tests to load and run."""
