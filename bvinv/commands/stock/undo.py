"""What was done by mistake is done backwards."""
