// `sconce doctor`: says what is installed, what is missing and how to get it.
import { findProjectRoot } from "../config/index.ts";
import { noWords, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { checkInstallation } from "./doctor/installation.ts";
import { checkProject } from "./doctor/project.ts";
import type { Finding } from "./doctor/finding.ts";
import { writeResult } from "./table.ts";

export const command: Command = {
  help: `Usage: sconce doctor [--torch] [--network] [--json]

Says what is installed and what is missing, and how to get it: Node, processors
and memory, compiler, libtorch, addon, build, packages, base models, hub, the
tracking store of the project that the current folder belongs to, and disk.
Loads and fetches nothing unless asked to.

  --torch      also loads libtorch, and measures matrix products in float32 and
               bfloat16
  --network    also asks whether the hub can be reached
  --json       prints all of it as JSON

Exit code 1 if something is missing that Sconce needs.

Example:
  sconce doctor --torch`,

  async run(words) {
    const { flags, positionals } = parseWords("doctor", words, {
      torch: { type: "boolean", default: false },
      network: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    });
    noWords("doctor", positionals);
    const root = findProjectRoot(process.cwd());
    const findings = [...(await checkInstallation()), ...(await checkProject(root, flags))];
    if (flags.torch) {
      const { checkTorch } = await import("./doctor/torch.ts");
      findings.push(...(await checkTorch()));
    }
    const isHealthy = findings.every(({ state }) => state !== "missing");
    writeResult(flags.json, { ok: isHealthy, findings }, format(findings));
    return isHealthy ? 0 : 1;
  },
};

function format(findings: readonly Finding[]): string[] {
  const lines = findings.map(({ name, state, detail, remedy }) => {
    const mark = { ok: "ok", note: "note", missing: "MISSING" }[state];
    const line = `  ${mark.padEnd(9)}${name.padEnd(13)}${detail}`;
    return remedy === undefined ? line : `${line}\n${" ".repeat(24)}${remedy}`;
  });
  const missing = findings.filter(({ state }) => state === "missing");
  const verdict =
    missing.length === 0
      ? "Everything that is needed is there."
      : `Missing: ${missing.map(({ name }) => name).join(", ")}.`;
  return [...lines, "", verdict];
}
