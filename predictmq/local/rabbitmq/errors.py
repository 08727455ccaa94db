"""The errors of RabbitMQ on this machine, each with a sentence for the user."""


class BrokerMissing(Exception):
    """RabbitMQ is not installed and cannot be installed; the text says what to do."""


class BrokerFailed(Exception):
    """The node, its port mapper or rabbitmqctl failed; the text says why."""
