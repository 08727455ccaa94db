"""What the tests against real processes share."""
