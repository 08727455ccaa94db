"""Quart and aio-pika's JsonRPC pattern, on hypercorn."""
