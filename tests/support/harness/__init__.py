"""Real processes: starting, calling and watching them."""
