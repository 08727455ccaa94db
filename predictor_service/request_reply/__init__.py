"""The replier: takes requests, has them run, answers and acknowledges them."""
