// Adds up the reports of the tests and of the documentation: node totals.mjs TESTS.json DOCTEST.json
// Prints "N passed, N failed[, N skipped]" and fails unless all passed and none was left out that should run here.
import { existsSync, readFileSync } from "node:fs";

const [tests, doctest] = process.argv.slice(2).map(readReport);
const faults = [];
let [passed, failed, skipped] = [0, 0, 0];

if (tests === undefined) faults.push("the tests left no report");
for (const { name, status, message, assertionResults } of tests?.testResults ?? []) {
  const of = (...states) => assertionResults.filter((result) => states.includes(result.status)).length;
  const left = of("pending", "skipped", "todo", "disabled");
  passed += of("passed");
  failed += of("failed");
  skipped += left;
  // a file that does not load, or whose hooks fail, has no failed test to show for it
  if (status === "failed" && of("failed") === 0) faults.push(`${name}: ${message}`);
  // a program of the system may be missing, a peer may not: the test's name says "(install PostgreSQL, ..."
  const excused = assertionResults.filter((result) => /\(install [A-Z]/.test(result.fullName ?? "")).length;
  if (left > excused && name.includes("/tests/compat/"))
    faults.push(`${name}: ${left - excused} compatibility test(s) left out`);
}
if (tests !== undefined && passed === 0) faults.push("no test passed");

if (doctest === undefined) faults.push("the documentation's code blocks left no report");
else {
  passed += doctest.passed;
  failed += doctest.failed;
}

for (const fault of faults) console.log(`fault: ${fault}`);
failed += faults.length;
if (skipped > 0) console.log(`${skipped} skipped`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function readReport(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
