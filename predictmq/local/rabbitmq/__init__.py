"""RabbitMQ on this machine: its installation, and a node of our own."""
