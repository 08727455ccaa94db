"""The adapter to Quart: the application, its requests, and errors as responses."""
