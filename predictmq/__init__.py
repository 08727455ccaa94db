"""The user's side: everything that somebody with a model installs, imports and types."""
