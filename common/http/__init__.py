"""The HTTP/1.1 server of both services, on hypercorn's protocol code."""
