"""The reply stream, and the state that a gateway builds from it: results, claims, live events."""
