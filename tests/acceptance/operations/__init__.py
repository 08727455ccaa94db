"""The service as its operators see and run it."""
