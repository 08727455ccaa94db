"""Where models run: threads or worker processes."""
