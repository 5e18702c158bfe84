"""Writes the data files that come with the configs of conf/dataset: points around three centres, 120 rows each.

Run: python tools/golden/example_tables.py
"""

import json
import math
import pathlib
import random

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parents[2] / "conf/dataset/files"


def main():
    draw = random.Random(7)
    rows = []
    for i in range(120):
        angle = 2 * math.pi * (i % 3) / 3
        x, y = (3 * f(angle) + draw.gauss(0, 0.5) for f in (math.cos, math.sin))
        rows.append({"x": round(x, 3), "y": round(y, 3), "label": ["east", "north", "south"][i % 3]})
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "points.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, FOLDER / "points.parquet", row_group_size=40, compression="zstd")
    feather.write_feather(table, FOLDER / "points.arrow", chunksize=40)


main()
