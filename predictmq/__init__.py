"""What somebody with a model installs, imports and types."""
