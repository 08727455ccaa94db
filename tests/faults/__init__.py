"""What is promised when something fails."""
