"""The models that ship, over HTTP. They need the packages of ``make test-models``."""
