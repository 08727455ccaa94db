"""Settings as text: the forms of their values, the names of the variables, and ``--help``."""
