"""The limits of our parts: bare libraries, and our own parts without HTTP."""
