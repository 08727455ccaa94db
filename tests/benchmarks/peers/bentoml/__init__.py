"""BentoML, without a broker."""
