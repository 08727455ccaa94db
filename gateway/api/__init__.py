"""The HTTP API: routes, and the headers and bodies that they read and write."""
