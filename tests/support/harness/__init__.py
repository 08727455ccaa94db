"""Real processes of the tests: how they start, are called and are watched."""
