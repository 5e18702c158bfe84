// What the benchmarks share: where the peers' Python is, what a report says of the machine, and where it is kept.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";

/** The project's folder, where `npm run bench` runs. */
export const root = resolve(".");

/** Returns the Python that has the peers' packages. */
export function findPython(): string {
  const python = process.env["SCONCE_COMPAT_PYTHON"] ?? join(root, ".venv", "compat", "bin", "python");
  if (existsSync(python)) return python;
  throw new Error(`bench: no Python with torch at ${python}. Name one in SCONCE_COMPAT_PYTHON.`);
}

/** Says when and on what a report was made. */
export function describeMachine(): string {
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${cpus().length} cores (${cpus()[0]!.model.trim()}), Node ${process.versions.node}`;
}

/** Prints a report and writes it to bench/results. */
export function saveReport(name: string, report: string): void {
  console.log(report);
  const folder = join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.md`), report);
}
