"""What is measured: each part opens what it needs, and returns a section of the record."""
