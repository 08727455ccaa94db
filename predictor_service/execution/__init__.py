"""Where models run: in threads or in worker processes."""
