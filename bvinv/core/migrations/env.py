"""Alembic's entry: runs inside the connection and the transaction that `schema` opened."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    compare_type=True,
)
context.run_migrations()
