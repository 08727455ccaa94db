"""The frames that come often, as bytes and as messages; all without I/O."""
