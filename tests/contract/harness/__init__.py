"""The other ends of connections, requests and signatures for the tests of assumptions."""
