// `sconce check`: proves a config before any work starts. Loads neither libtorch nor data.
import { ConfigError } from "../base/index.ts";
import { checkUseCase, configToYaml, formatResolved } from "../config/index.ts";
import { parseWords } from "./command.ts";
import type { Command } from "./command.ts";
import { UsageError } from "../base/index.ts";

export const command: Command = {
  summary: "proves a config: keys, types, files, columns, metrics; reports every problem at once",
  help: `Usage: sconce check CONFIG [a.b=value ...] [--json] [--resolve]

Reports every problem of a config with its line and column, and what its paths lead to. Nothing is loaded,
fetched or written. Exit code 2 when there is a problem.

  --resolve   also prints the config with all defaults filled in
  --json      prints problems and paths as JSON`,

  async run(words) {
    const { flags, positionals } = parseWords("check", words, {
      json: { type: "boolean" },
      resolve: { type: "boolean" },
    });
    const [path, ...overrides] = positionals;
    if (path === undefined)
      throw new UsageError("sconce check: the config is missing. See: sconce check --help");
    const { issues, warnings, config, resolved } = await checkUseCase(path, overrides);
    if (flags.json === true) {
      process.stdout.write(
        `${JSON.stringify({ issues, warnings, resolved, ...(flags.resolve === true && { config }) }, null, 2)}\n`,
      );
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
