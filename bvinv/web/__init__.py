"""What HTTP needs and the core must not know: the way in, the way out, and the server."""
