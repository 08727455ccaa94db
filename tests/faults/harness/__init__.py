"""What the fault tests do to the services, and how they count what came of it."""
