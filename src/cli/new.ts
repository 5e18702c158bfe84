// `sconce new`: writes a working start of a part or of a use case. How: ./new-part.ts, ./make-use-case.ts.
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { UsageError, packageFolder, suggestion } from "../base/index.ts";
import { onlyWord, parseWords, runAction } from "./command.ts";
import type { Command } from "./command.ts";
import { checkName } from "./new-name.ts";
import { isPartKind, partKinds } from "./new-part.ts";
import type { PartKind } from "./new-part.ts";

export const command: Command = {
  help: `Usage: sconce new model NAME
       sconce new plugin NAME [--kind KIND]
       sconce new use-case NAME

Writes a start that works into the project that the current folder belongs to,
says what it wrote, and the command that runs it. Nothing is overwritten.

model      plugins/NAME.ts, a network registered as NAME, and its options in
           conf/model/NAME.yaml
plugin     plugins/NAME.ts, a part of any kind
use-case   use_cases/NAME/ with 48 made texts to classify, config and README;
           sconce init makes one of a data file of your own

  --kind KIND   model (default), dataset, metric, loss, callback, optimizer,
                scheduler, logger, or domain: a model and a data set with a kind
                of batch of their own

Beside a part stands its test: node --test plugins/NAME.test.mjs

Examples:
  sconce new model tiny_net
  sconce new plugin rings --kind dataset
  sconce new use-case requests`,

  async run(words) {
    const actions = {
      model: (rest: readonly string[]) => newPart("model", rest),
      plugin: newPlugin,
      "use-case": newUseCase,
    };
    return runAction("new", actions, words);
  },
};

async function newPlugin(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("new plugin", words, {
    kind: { type: "string", default: "model" },
  });
  if (!isPartKind(flags.kind))
    throw new UsageError(
      `sconce new plugin: unknown kind "${flags.kind}". ${suggestion(flags.kind, partKinds)}`,
    );
  return newPart(flags.kind, positionals, "new plugin");
}

async function newPart(kind: PartKind, words: readonly string[], command = `new ${kind}`): Promise<number> {
  const { positionals } = parseWords(command, words, {});
  const { writePart } = await import("./new-part.ts");
  const told = await writePart(onlyWord(command, "name", positionals), {
    command,
    kind,
    folder: process.cwd(),
  });
  process.stdout.write(`${told}\n`);
  return 0;
}

async function newUseCase(words: readonly string[]): Promise<number> {
  const { positionals } = parseWords("new use-case", words, {});
  const name = onlyWord("new use-case", "name", positionals);
  checkName("new use-case", name);
  const [{ makeUseCase }, { findProjectRoot }] = await Promise.all([
    import("./make-use-case.ts"),
    import("../config/index.ts"),
  ]);
  const folder = process.cwd();
  const target = join(findProjectRoot(folder), "use_cases", name);
  if (existsSync(target))
    throw new UsageError(
      `sconce new use-case: ${relative(folder, target)} must not exist, since nothing is overwritten. Choose another name.`,
    );
  const told = await makeUseCase(join(packageFolder ?? ".", "templates", "requests.csv"), {
    folder,
    name,
    hasTestFile: true,
  });
  process.stdout.write(`${told}\n`);
  return 0;
}
