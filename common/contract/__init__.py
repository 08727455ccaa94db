"""The contract: messages, queues, limits that gateways and predictors agree on. No I/O."""
