"""Reads the PostgreSQL schema of the installed MLflow from a temporary cluster.

Writes src/tracking/stores/sql/postgres-schema.generated.ts (the statements that create it) and
tests/goldens/tracking/mlflow-schema-postgresql.json (the same schema as PostgreSQL's catalogue describes it, which
the tests compare with a database that Sconce made).

    apt-get install postgresql; pip install psycopg2-binary
    python tools/golden/tracking_schema_postgresql.py
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import mlflow
import psycopg2
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

ROOT = Path(__file__).resolve().parents[2]
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
# postgres refuses to run as root
AS_USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []

CATALOGUE = {
    "columns": """SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
    "triggers": """SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal ORDER BY 1, 2""",
    "sequences": """SELECT sequencename, data_type::text, start_value, increment_by FROM pg_sequences
        WHERE schemaname = 'public' ORDER BY 1""",
}


def statements(dump: str) -> list[str]:
    """Splits a dump at the ends of its statements; the body of a function holds semicolons of its own."""
    lines = [line for line in dump.splitlines() if not line.startswith(("--", "\\"))]
    found, current, in_body = [], [], False
    for line in lines:
        if not line.strip() and not current:
            continue
        current.append(line)
        if line.count("$$") % 2 == 1 or line.count("$_$") % 2 == 1:
            in_body = not in_body
        if line.endswith(";") and not in_body:
            found.append("\n".join(current)[:-1])
            current = []
    kept = [sql for sql in found if not re.match(r"SET |SELECT pg_catalog\.set_config|COMMENT ON SCHEMA|CREATE SCHEMA", sql)]
    return [with_lists(re.sub(r"\bpublic\.", "", sql)) for sql in kept]


def with_lists(sql: str) -> str:
    """Writes a check as MLflow did: PostgreSQL's own spelling of it grows by casts each time that it is read back."""
    return re.sub(
        r"CHECK \(\(\((\w+)\)::text = ANY \(\(ARRAY\[(.*?)\]\)::text\[\]\)\)\)",
        lambda found: f"CHECK ({found[1]} IN ({found[2].replace('::character varying', '')}))",
        sql,
    )


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    folder.chmod(0o755)
    data = folder / "data"
    data.mkdir()
    if AS_USER:
        shutil.chown(folder, "postgres", "postgres")
        shutil.chown(data, "postgres", "postgres")
    subprocess.run([*AS_USER, BIN / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync"], check=True, stdout=subprocess.DEVNULL)
    options = f"-k {folder} -c listen_addresses="
    subprocess.run([*AS_USER, BIN / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"], check=True, stdout=subprocess.DEVNULL)
    try:
        SqlAlchemyStore(f"postgresql+psycopg2://postgres@/postgres?host={folder}", str(folder / "artifacts"))
        dump = subprocess.run(
            [BIN / "pg_dump", "-h", folder, "-U", "postgres", "--schema-only", "--no-owner", "--no-privileges", "postgres"],
            check=True, capture_output=True, text=True,
        ).stdout
        with psycopg2.connect(host=str(folder), user="postgres", dbname="postgres") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT version_num FROM alembic_version")
            revision = cursor.fetchone()[0]
            golden = {"revision": revision}
            for name, query in CATALOGUE.items():
                cursor.execute(query)
                golden[name] = [list(row) for row in cursor.fetchall()]
    finally:
        subprocess.run([*AS_USER, BIN / "pg_ctl", "-D", data, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(folder)
    lines = [
        "// Written by tools/golden/tracking_schema_postgresql.py from the facts of MLflow's PostgreSQL schema; do not edit.",
        "",
        "/** Names the MLflow release whose schema this is. */",
        f'export const schemaMlflowVersion = "{mlflow.__version__}";',
        "",
        "/** Is the alembic revision of that schema. */",
        f'export const schemaRevision = "{revision}";',
        "",
        "/** Create all tables, then their defaults, constraints, indexes and triggers. */",
        "export const schemaStatements: readonly string[] = [",
        *("  `" + sql.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${") + "`," for sql in statements(dump)),
        "];",
        "",
    ]
    (ROOT / "src/tracking/stores/sql/postgres-schema.generated.ts").write_text("\n".join(lines))
    target = ROOT / "tests/goldens/tracking/mlflow-schema-postgresql.json"
    target.write_text(json.dumps(golden, indent=1, sort_keys=True) + "\n")


main()
