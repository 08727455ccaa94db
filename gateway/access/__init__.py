"""Access control: API keys, rate limits, and which pages may call."""
