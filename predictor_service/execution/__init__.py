"""The places where models run: threads, or worker processes."""
