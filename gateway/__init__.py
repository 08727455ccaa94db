"""The requestor: an HTTP API that turns predictions into AMQP requests."""
