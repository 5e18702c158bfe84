"""Reads the SQLite schema in which the installed MLflow keeps users and their permissions.

Writes src/tracking/server/auth/schema.generated.ts, the statements that create it. Needs what MLflow's basic-auth app
needs: pip install "mlflow[auth]".

    python tools/golden/tracking_auth_schema.py
"""

import re
import sqlite3
import tempfile
from pathlib import Path

import mlflow
import sqlalchemy
from mlflow.server.auth.db.utils import migrate

ROOT = Path(__file__).resolve().parents[2]


def statement(sql: str) -> str:
    """Writes a statement with one space between words, and a line for each column and constraint."""
    words = re.sub(r"\s+", " ", sql).replace('"', "").strip()
    if not words.startswith("CREATE TABLE"):
        return words
    head, body = words.split("(", 1)
    items = re.split(r", (?=[a-z_]+ [A-Z]|CONSTRAINT|PRIMARY|UNIQUE|FOREIGN)", body[:-1].strip())
    return f"{head.strip()} (\n  " + ",\n  ".join(items) + "\n)"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/basic_auth.db"
        migrate(sqlalchemy.create_engine(f"sqlite:///{path}"), "head")
        database = sqlite3.connect(path)
        (revision,) = database.execute("SELECT version_num FROM alembic_version_auth").fetchone()
        rows = database.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name"
        ).fetchall()
        database.close()
    lines = [
        "// Written by tools/golden/tracking_auth_schema.py from the facts of MLflow's SQLite schema; do not edit.",
        "",
        f"/** Is the alembic revision of the database of users of MLflow {mlflow.__version__}. */",
        f'export const authSchemaRevision = "{revision}";',
        "",
        "/** Create all tables, then all indexes. */",
        "export const authSchemaStatements: readonly string[] = [",
        *(f"  `{statement(sql)}`," for (sql,) in rows),
        "];",
        "",
    ]
    (ROOT / "src/tracking/server/auth/schema.generated.ts").write_text("\n".join(lines))


main()
