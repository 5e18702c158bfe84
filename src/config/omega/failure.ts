// Why a part of a config cannot be worked out, before it is told to the user as a ConfigError.
import { ConfigError, type ConfigIssue, nearest } from "../../base/index.ts";
import type { ConfigNode } from "../node.ts";
import type { Position } from "./position.ts";

/** Is thrown while resolving; it becomes an issue of a `ConfigError`. */
export class ResolutionFailure extends Error {
  readonly code: ConfigIssue["code"];
  /** The part whose text is at fault. */
  readonly at: Position;
  /** True where the value that is looked for is "???". */
  readonly isMissing: boolean;

  constructor(
    at: Position,
    message: string,
    {
      code = "value",
      isMissing = false,
      cause,
    }: { code?: ConfigIssue["code"]; isMissing?: boolean; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.at = at;
    this.code = code;
    this.isMissing = isMissing;
  }

  get issue(): ConfigIssue {
    return issueAt(this.at.node, this.at.fullKey, this.message, this.code);
  }
}

/** Is the failure to look for a key in a value; `select` takes it for an absent key. */
export class NoContainer extends ResolutionFailure {}

/** Makes the issue of a part of a config, with the place where it was written. */
export function issueAt(
  node: Pick<ConfigNode, "origin">,
  path: string,
  message: string,
  code: ConfigIssue["code"],
): ConfigIssue {
  const { source, line, column } = node.origin;
  return { path, code, message, source, ...(line === undefined ? {} : { line, column: column ?? 1 }) };
}

/** Makes the error of issues that may come from several files. */
export function configError(issues: readonly ConfigIssue[]): ConfigError {
  return new ConfigError(issues[0]?.source ?? "config", issues);
}

/** Names the nearest of the keys that exist (of the first thousand), and the first twenty of them. */
export function hint(name: string, valid: readonly string[]): string {
  const near = nearest(name.slice(0, 100), valid.slice(0, 1000));
  const shown = valid.length > 20 ? [...valid.slice(0, 20), "..."] : valid;
  const list = shown.length === 0 ? "There are no keys." : `Valid: ${shown.join(", ")}.`;
  return near === undefined ? list : `Did you mean "${near}"? ${list}`;
}
