"""The tables (SQLModel) in one file; the frozen rows (Pydantic) in one file per noun."""
