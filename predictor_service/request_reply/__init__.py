"""The replier: requests are consumed, run, replied to and acknowledged."""
