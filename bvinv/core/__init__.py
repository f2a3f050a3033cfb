"""All the rules. Functions take a session and keyword arguments and return frozen rows."""
