"""Reads the SQLite schema of the installed MLflow.

Writes src/tracking/stores/sql/schema.generated.ts (the statements that create it, and the rows that MLflow puts
into an empty database) and tests/goldens/tracking/mlflow-schema.json (the same schema as SQLite itself describes
it, which the tests compare with a database that Sconce made).

    python tools/golden/tracking_schema.py
"""

import json
import re
import sqlite3
import tempfile
from pathlib import Path

import mlflow
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

ROOT = Path(__file__).resolve().parents[2]


def split_items(body: str) -> list[str]:
    """Splits the inside of CREATE TABLE (...) at its top-level commas."""
    items, depth, start, quoted = [], 0, 0, False
    for i, char in enumerate(body):
        if char == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and depth == 0:
            items.append(body[start:i])
            start = i + 1
    items.append(body[start:])
    return [" ".join(item.split()) for item in items]


def create_table(name: str, sql: str) -> str:
    body = sql[sql.index("(") + 1 : sql.rindex(")")]
    return f"CREATE TABLE {name} (\n  " + ",\n  ".join(split_items(body)) + "\n)"


def statements(database: sqlite3.Connection) -> list[str]:
    rows = database.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    tables = sorted((name, create_table(name, sql)) for type_, name, sql in rows if type_ == "table")
    rest = sorted(
        (type_, name, re.sub(r"\s+", " ", sql).strip()) for type_, name, sql in rows if type_ in ("index", "trigger")
    )
    return [sql for _, sql in tables] + [sql for _, _, sql in rest]


def describe(database: sqlite3.Connection) -> dict:
    """Describes tables, constraints and indexes by SQLite's own words."""
    tables = {}
    for name, sql in database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name"):
        body = sql[sql.index("(") + 1 : sql.rindex(")")]
        indexes = [row for row in database.execute(f'PRAGMA index_list("{name}")') if row[3] == "c"]
        tables[name] = {
            "columns": [list(row[1:7]) for row in database.execute(f'PRAGMA table_xinfo("{name}")')],
            "foreignKeys": sorted(list(row[2:8]) for row in database.execute(f'PRAGMA foreign_key_list("{name}")')),
            "constraints": sorted(i for i in split_items(body) if re.match(r"(CONSTRAINT|CHECK|FOREIGN KEY)\b", i)),
            "indexes": {
                row[1]: {
                    "unique": row[2],
                    "columns": [[c[2], c[3]] for c in database.execute(f'PRAGMA index_xinfo("{row[1]}")') if c[5]],
                }
                for row in sorted(indexes, key=lambda row: row[1])
            },
        }
    triggers = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    return {"mlflow": mlflow.__version__, "tables": tables, "triggers": triggers}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        SqlAlchemyStore(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
        database = sqlite3.connect(f"{folder}/mlflow.db")
        (revision,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
        workspace = database.execute("SELECT name, description FROM workspaces").fetchall()
        assert len(workspace) == 1, workspace
        golden = {"revision": revision, **describe(database)}
        lines = [
            "// Written by tools/golden/tracking_schema.py from the facts of MLflow's SQLite schema; do not edit.",
            "",
            "/** Names the MLflow release whose schema this is. */",
            f'export const schemaMlflowVersion = "{mlflow.__version__}";',
            "",
            "/** Is the alembic revision of that schema. */",
            f'export const schemaRevision = "{revision}";',
            "",
            "/** Is the workspace that MLflow puts into an empty database. */",
            f"export const defaultWorkspace = {{ name: {json.dumps(workspace[0][0])}, "
            f"description: {json.dumps(workspace[0][1])} }};",
            "",
            "/** Create all tables, then all indexes and triggers. */",
            "export const schemaStatements: readonly string[] = [",
            *(f"  `{sql}`," for sql in statements(database)),
            "];",
            "",
        ]
        database.close()
    (ROOT / "src/tracking/stores/sql/schema.generated.ts").write_text("\n".join(lines))
    target = ROOT / "tests/goldens/tracking/mlflow-schema.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")


main()
