"""The requestor: requests out, replies back to the calls that wait for them."""
