"""The use cases: predict, accept, wait, look up, cancel, follow. No HTTP and no AMQP words."""
