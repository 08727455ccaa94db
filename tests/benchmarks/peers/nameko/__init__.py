"""nameko: an HTTP service and an RPC service."""
