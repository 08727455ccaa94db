"""Access control: hosts, API keys, rate limits, and the origins whose pages may call."""
