"""The HTTP/1.1 server of both services: llhttp reads, hypercorn has the rules of ASGI."""
