"""Search: an index beside the database, and the questions it answers."""
