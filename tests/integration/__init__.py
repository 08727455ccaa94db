"""One part and a real broker."""
