"""Parts without a broker."""
