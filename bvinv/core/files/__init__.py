"""Files of rows on their way in: what they are, and their rows by line."""
