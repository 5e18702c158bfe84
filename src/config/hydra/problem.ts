// How composing reports a mistake: one sentence, at the place where the config or the override was written.
import { ConfigError, type ConfigIssue } from "../../base/index.ts";
import type { Origin } from "../node.ts";

/** Makes the error for one mistake at one place. */
export function problemAt(
  { source, line, column }: Origin,
  message: string,
  code: ConfigIssue["code"] = "value",
  path = "",
  cause?: unknown,
): ConfigError {
  const place = line === undefined || column === undefined ? {} : { line, column };
  const error = new ConfigError(source, [{ path, code, message, ...place }]);
  if (cause !== undefined) error.cause = cause;
  return error;
}
