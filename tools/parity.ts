// Writes docs/parity.md: which of PyTorch's public names `sconce/torch` has. Run from the root of the repository:
// npm run parity. Python's names are listed by tools/parity/python_names.py.
import { readFileSync, writeFileSync } from "node:fs";
import { parityReport } from "./parity/report.ts";
import type { PythonNames } from "./parity/report.ts";

const names = JSON.parse(readFileSync("tests/goldens/torch/parity-names.json", "utf8")) as PythonNames;
writeFileSync("docs/parity.md", parityReport(names));
