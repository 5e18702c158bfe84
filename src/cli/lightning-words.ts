// The words of LightningCLI: `fit --config a.yaml --config b.yaml --trainer.max_epochs 3`.
import { UsageError } from "../base/index.ts";

/** Is a command line in which such words were found. */
export interface LightningWords {
  /** What stood behind each `--config`, in order: later files win. */
  files: string[];
  /** All other words; flags of LightningCLI are overrides by now. */
  rest: string[];
}

/** Reads the words of LightningCLI among others, which stay. */
export function readLightningWords(words: readonly string[]): LightningWords {
  const files: string[] = [];
  const rest: string[] = [];
  const flags: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const [, flag, attached] = /^--([a-z_]+(?:\.\w+)*)(?:=(.*))?$/su.exec(words[at]!) ?? [];
    const isOurs =
      flag === "config" || (flag !== undefined && (flag.includes(".") || cliFlags.includes(flag)));
    if (!isOurs) {
      rest.push(words[at]!);
      continue;
    }
    const value = attached ?? words[++at];
    if (value === undefined) throw new UsageError(`--${flag}: a value must follow.`);
    if (flag !== "config") {
      flags.push(flag);
      rest.push(`++${initArgs(flag)}=${value}`);
    } else if (flags.length > 0)
      throw new UsageError(
        `--${flags[0]}: it stands before --config ${value}, which may say otherwise. Put the files first.`,
      );
    else files.push(value);
  }
  if (files.length === 0) return { files, rest };
  const [command = ""] = rest;
  if (command === "fit") rest.shift();
  else if (["validate", "test", "predict"].includes(command))
    throw new UsageError(
      `--config: sconce train fits and tests. Leave out "${command}", or set train=false.`,
    );
  return { files, rest };
}

/** Tells whether a word is a flag of LightningCLI. */
export function isLightningFlag(flag: string): boolean {
  return flag === "--config" || /^--[a-z_]+\./u.test(flag) || cliFlags.includes(flag.slice(2));
}

const cliFlags = ["seed_everything", "ckpt_path"];

/** The options of a class may be named without `init_args`. */
function initArgs(flag: string): string {
  const [part = "", option = "", ...deeper] = flag.split(".");
  const isClass = ["model", "data", "optimizer", "lr_scheduler"].includes(part);
  if (!isClass || ["class_path", "init_args", "dict_kwargs"].includes(option)) return flag;
  return [part, "init_args", option, ...deeper].join(".");
}
