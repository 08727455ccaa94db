"""LitServe, without a broker."""
