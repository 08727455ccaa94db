"""The adapter to RabbitMQ: supervised connections, channels, publishes and consumers."""
