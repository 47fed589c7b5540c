"""Alembic's entry: run the migrations in one transaction on the engine that was handed over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Engine

from server.models import Run

TABLES = Run.metadata
"""All tables: they register themselves with their module."""


def run(engine: Engine) -> None:
    with engine.execution_options(vbc_write=True).connect() as connection:
        context.configure(connection, target_metadata=TABLES, render_as_batch=True, transactional_ddl=True)
        with context.begin_transaction():
            context.run_migrations()


run(context.config.attributes["engine"])
