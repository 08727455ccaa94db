"""What our own parts cannot be faster than, and our own parts without HTTP."""
