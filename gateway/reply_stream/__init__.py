"""The reply stream and all that is known from it: results, claims, live events."""
