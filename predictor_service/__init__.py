"""The replier: takes requests off the queues, runs the model, answers the return address."""
