"""What was measured, as a file of numbers and as a page for people."""
