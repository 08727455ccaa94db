"""The broker of a test: memory alarms, an operator's commands, and a plain channel."""
