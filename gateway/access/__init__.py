"""Access control: API keys, rate limits, and the origins whose pages may call."""
