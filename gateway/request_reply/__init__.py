"""The requestor: publishes requests, and delivers their replies to the calls that wait."""
