"""The replier: consumes requests, has them run, replies and acknowledges."""
