"""The adapter to Quart: its routes, and a short way of our own from ASGI to their handlers."""
