"""Writes small Parquet and Arrow files to tests/goldens/data/tables, and what pandas and pyarrow say that they hold.

Run: python tools/golden/data_tables.py
"""

import datetime
import decimal
import json
import pathlib

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parents[2] / "tests/goldens/data/tables"
MOMENT = datetime.datetime(2026, 1, 31, 12, 30, 5, 123456)


def every_type():
    """One column a type that is read, nulls among them."""
    return pa.table(
        {
            "text": pa.array(["Grüße", "", None, "two\nlines", "x" * 40]),
            "large": pa.array(["a", None, "c", "d", "e"], pa.large_string()),
            "kind": pa.array(["spam", "ham", "spam", None, "ham"]).dictionary_encode(),
            "int64": pa.array([1, -(2**53) - 1, None, 2**63 - 1, 0]),
            "uint8": pa.array([0, 255, None, 7, 8], pa.uint8()),
            "uint64": pa.array([0, 2**64 - 1, None, 7, 8], pa.uint64()),
            "float64": pa.array([0.5, -1e300, None, 3.0, 1e-7]),
            "float32": pa.array([0.5, -2.0, None, 3.0, 0.25], pa.float32()),
            "bool": pa.array([True, False, None, True, False]),
            "date": pa.array([datetime.date(1969, 12, 31), datetime.date(2026, 1, 31), None, None, None]),
            "micros": pa.array([MOMENT, datetime.datetime(1969, 12, 31, 23, 59, 59, 1), None, None, None], pa.timestamp("us")),
            "nanos": pa.array([1, -1, None, 10**18 + 1, 0], pa.timestamp("ns")),
            "utc": pa.array([MOMENT, None, None, None, None], pa.timestamp("ms", tz="UTC")),
            "decimal": pa.array([decimal.Decimal("1.50"), decimal.Decimal("-0.01"), None, None, None], pa.decimal128(9, 2)),
            "list": pa.array([[1, 2], [], None, [None], [3]], pa.list_(pa.int64())),
            "words": pa.array([["a", "b"], [], None, ["c"], []], pa.list_(pa.string())),
            "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None, {"a": 2, "b": ""}, {"a": 3, "b": "y"}]),
            "empty": pa.nulls(5),
        }
    )


def refused():
    """Types that are no text; the column beside them must still be read."""
    return pa.table(
        {
            "text": ["a", "b"],
            "bytes": pa.array([b"\x00\xff", b"x"]),
            "fixed": pa.array([b"ab", b"cd"], pa.binary(2)),
            "exact": pa.array([decimal.Decimal("1" * 20), None], pa.decimal128(20, 0)),
            "clock": pa.array([datetime.time(1, 2), None], pa.time64("us")),
            "image": pa.array([{"bytes": b"\x89PNG", "path": "a.png"}] * 2),
        }
    )


def plain(value):
    """A value as the readers give it: times in ISO 8601, decimals as numbers."""
    if isinstance(value, pd.Timestamp):  # whole nanoseconds
        zone = "" if value.tzinfo is None else "Z"
        text = value.tz_localize(None).isoformat() if zone else value.isoformat()
        return trimmed(text) + zone
    if isinstance(value, datetime.datetime):
        zone = "" if value.tzinfo is None else "Z"
        return trimmed(value.replace(tzinfo=None).isoformat()) + zone
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return {"int": str(value)}
    return value


def trimmed(text):
    return text.rstrip("0") if "." in text else text


def columns_of(table):
    return {name: [plain(value) for value in table[name].to_pylist()] for name in table.column_names}


def write_stream(table, path, **options):
    with ipc.new_stream(path, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)


def write_file(table, path, **options):
    with ipc.new_file(path, table.schema, options=ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=2)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    table = every_type()
    written = {}

    def note(name, content):
        written[name] = columns_of(content)

    for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
        name = f"{codec}.parquet"
        pq.write_table(table, FOLDER / name, compression=codec, row_group_size=2)
        note(name, pq.read_table(FOLDER / name))
    pq.write_table(table, FOLDER / "plain.parquet", use_dictionary=False, data_page_version="2.0", compression="snappy")
    note("plain.parquet", pq.read_table(FOLDER / "plain.parquet"))
    delta = {"int64": "DELTA_BINARY_PACKED", "text": "DELTA_BYTE_ARRAY", "large": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(table, FOLDER / "delta.parquet", use_dictionary=False, column_encoding=delta)
    note("delta.parquet", pq.read_table(FOLDER / "delta.parquet"))
    for codec in ["uncompressed", "lz4", "zstd"]:
        feather.write_feather(table, FOLDER / f"{codec}.feather", compression=codec)
        note(f"{codec}.feather", feather.read_table(FOLDER / f"{codec}.feather"))
    write_file(table, FOLDER / "batches.arrow")
    note("batches.arrow", ipc.open_file(FOLDER / "batches.arrow").read_all())
    write_stream(table, FOLDER / "stream.arrow")  # as Hugging Face's datasets.save_to_disk writes
    note("stream.arrow", ipc.open_stream(FOLDER / "stream.arrow").read_all())
    write_stream(table, FOLDER / "stream-lz4.arrow", compression="lz4")
    note("stream-lz4.arrow", ipc.open_stream(FOLDER / "stream-lz4.arrow").read_all())

    frame = pd.DataFrame({"text": ["a", None, "c"], "label": pd.Categorical(["x", "y", "x"]), "n": [1, 2, 3]})
    frame.to_parquet(FOLDER / "pandas.parquet")
    note("pandas.parquet", pq.read_table(FOLDER / "pandas.parquet"))
    frame.to_feather(FOLDER / "pandas.feather")
    note("pandas.feather", feather.read_table(FOLDER / "pandas.feather"))

    pq.write_table(refused(), FOLDER / "refused.parquet")
    feather.write_feather(refused(), FOLDER / "refused.feather")
    (FOLDER / "expected.json").write_text(json.dumps(written, separators=(",", ":"), ensure_ascii=False) + "\n")


main()
