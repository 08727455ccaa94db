"""The use cases: predict, look up, wait, cancel, follow. No HTTP and no AMQP words."""
