"""The tables (SQLModel) and the frozen rows that callers get (Pydantic), one file per noun."""
