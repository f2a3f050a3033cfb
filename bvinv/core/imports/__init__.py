"""Files of rows on their way into the database: checked, taken in chunks, gone on with."""
