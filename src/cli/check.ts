// `sconce check`: proves a config before any work starts. Loads neither libtorch nor data.
import { ConfigError, UsageError } from "../base/index.ts";
import {
  checkUseCase,
  configToYaml,
  formatResolved,
  parseCommandLine,
  planJobs,
  printJsonSchema,
} from "../config/index.ts";
import type { MainOptions } from "../config/index.ts";
import { noWords, parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { checkJob, composedOptions, refuseUnknownFlags } from "./composed.ts";
import { writeJson } from "./table.ts";
import { takeFlags } from "./take-flags.ts";

export const command: Command = {
  help: `Usage: sconce check [CONFIG] [a.b=value ...] [-m] [--resolve] [--json]
       sconce check --schema KIND

Reports every problem of a config, and of the overrides, with line and column,
and shows where its paths lead: keys, types, files, columns, metrics, base
model, stores. Nothing is loaded, fetched or written. Without CONFIG, or with
one that has a defaults list, the config is composed as sconce train does; with
-m every job of the sweep is checked.

  a.b=value    changes a key of the config, as for sconce train
  --resolve    also prints the config with all defaults filled in
  --json       prints problems and paths as JSON
  --schema K   prints the JSON Schema of a kind of file, for editors: use-case,
               config (with a defaults list), multi-label (parts by module and
               func), or a group of conf/: model, dataset, optimizer, scheduler,
               trainer, callbacks, tracking

Exit code 2 when there is a problem.

Examples:
  sconce check use_cases/spam/Configurations/config.json
  sconce check use_cases/spam/Configurations/config.json optimizer.lr=3e-5`,

  async run(words) {
    const ownFlags = {
      json: { type: "boolean" },
      resolve: { type: "boolean" },
      schema: { type: "string" },
    } as const;
    const { own, rest } = takeFlags(words, ownFlags);
    const { schema } = parseWords("check", own, ownFlags).flags;
    if (schema !== undefined) {
      noWords("check --schema", rest);
      process.stdout.write(await printJsonSchema(schema));
      return 0;
    }
    const composed = await composedOptions(rest);
    if (composed !== undefined) await refuseUnknownFlags("check", rest, ownFlags);
    if (composed !== undefined) return checkJobs(composed, own);
    const { flags, positionals } = parseWords("check", words, ownFlags);
    const [path = "", ...overrides] = positionals;
    const { issues, warnings, config, resolved } = await checkUseCase(path, overrides);
    if (flags.json === true) {
      const shown = { issues, warnings, resolved, ...(flags.resolve === true && { config }) };
      writeJson(shown);
      return issues.length === 0 ? 0 : 2;
    }
    if (warnings.length > 0)
      process.stderr.write(`${new ConfigError(path, warnings).message.replace(/^/gm, "warning: ")}\n`);
    if (resolved === undefined || config === undefined) throw new ConfigError(path, issues);
    if (flags.resolve === true) process.stdout.write(`${await configToYaml(config)}\n`);
    process.stdout.write(`${formatResolved(resolved)}\n${path}: no problems\n`);
    return 0;
  },
};

/** Checks the composed config, or each of a sweep's. */
async function checkJobs(options: MainOptions & { argv: string[] }, own: readonly string[]): Promise<number> {
  const { action } = parseCommandLine(options.argv);
  if (action !== "run" && action !== "multirun")
    throw new UsageError(
      `sconce check: --${action} belongs to sconce train. Take it out, or use that command.`,
    );
  const jobs = planJobs(options);
  const reports: (Awaited<ReturnType<typeof checkJob>> & { job?: number; overrides: readonly string[] })[] =
    [];
  for (const { number, overrides, config } of jobs) {
    const report = await checkJob(config, options.baseFolder!);
    reports.push({ ...(number !== undefined && { job: number + 1 }), overrides, ...report });
  }
  const isBroken = reports.some(({ issues }) => issues.length > 0);
  const shows = (flag: string): boolean => own.includes(flag);
  if (shows("--json")) {
    const shown = reports.map(({ job, overrides, issues, config, ...report }) => ({
      ...(job !== undefined && { job, overrides }),
      issues,
      ...("warnings" in report && { warnings: report.warnings, resolved: report.resolved }),
      ...("named" in report && { components: report.named }),
      ...(shows("--resolve") && { config }),
    }));
    writeJson(jobs.length === 1 ? shown[0] : shown);
    return isBroken ? 2 : 0;
  }
  for (const { job, overrides, source, issues, config, ...report } of reports) {
    const which = job === undefined ? "" : `job ${job} (${overrides.join(" ")})\n`;
    const warnings = "warnings" in report ? report.warnings : [];
    if (warnings.length > 0)
      process.stderr.write(
        `${which}${new ConfigError(source, warnings).message.replace(/^/gm, "warning: ")}\n`,
      );
    if (issues.length > 0) process.stderr.write(`${which}${new ConfigError(source, issues).message}\n`);
    if (config === undefined || issues.length > 0) continue;
    if (shows("--resolve")) process.stdout.write(`${await configToYaml(config)}\n`);
    if ("named" in report)
      for (const [path, name] of Object.entries(report.named)) process.stdout.write(`${path} is ${name}\n`);
    const paths =
      "resolved" in report && report.resolved !== undefined ? `${formatResolved(report.resolved)}\n` : "";
    process.stdout.write(`${which}${paths}${source}: no problems\n`);
  }
  return isBroken ? 2 : 0;
}
