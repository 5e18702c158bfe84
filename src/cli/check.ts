// `sconce check`: proves a config before any work starts. Loads neither libtorch nor data.
import { ConfigError, UsageError } from "../base/index.ts";
import { checkUseCase, configToYaml, formatResolved } from "../config/index.ts";
import { parseWords } from "./command.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `Usage: sconce check CONFIG [a.b=value ...] [--resolve] [--json]

Reports every problem of a config, and of the overrides, with line and column,
and shows where its paths lead: keys, types, files, columns, metrics, base
model, stores. Nothing is loaded, fetched or written.

  a.b=value    changes a key of the config, as for sconce train
  --resolve    also prints the config with all defaults filled in
  --json       prints problems and paths as JSON

Exit code 2 when there is a problem.

Examples:
  sconce check use_cases/spam/Configurations/config.json
  sconce check use_cases/spam/Configurations/config.json optimizer.lr=3e-5`,

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
      const shown = { issues, warnings, resolved, ...(flags.resolve === true && { config }) };
      process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
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
