"""The documents, held to the code that they describe and to each other."""
