// The list of notifications, which stands in a use case's config or in a file of its own.
import * as z from "zod";
import { ConfigError, notificationEvents, notificationProblems } from "../base/index.ts";
import type { Notification } from "../base/index.ts";
import { choice, expecting, text } from "./fields.ts";
import { loadConfig } from "./load.ts";
import { checkSchema } from "./schema-issues.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { formatPath } from "./value.ts";
import type { ConfigPath } from "./value.ts";

const notificationSchema = z.strictObject({
  on: expecting("a list of events, at least one", z.array(choice(notificationEvents)).min(1)),
  command: expecting("a program and its arguments, as a list", z.array(z.string()).min(1)).optional(),
  webhook: text("an https:// address").optional(),
  secret_env: text("the name of an environment variable").optional(),
});

export const notificationsSchema = expecting("a list of notifications", z.array(notificationSchema));

/** Says what of a list does not fit together, with paths that begin at `path`. */
export function notificationIssues(notifications: readonly Notification[], path: ConfigPath): SchemaIssue[] {
  return notifications.flatMap((notification, index) =>
    notificationProblems(notification).map(({ key, message }) => ({
      path: [...path, index, key],
      code: "value" as const,
      message,
    })),
  );
}

/** Reads a JSON or YAML file that holds a list of notifications; all that is wrong in it throws one `ConfigError`. */
export async function readNotifications(path: string): Promise<readonly Notification[]> {
  const { value, places } = await loadConfig(path);
  const { data, issues } = checkSchema(notificationsSchema, value);
  const all = data === undefined ? issues : notificationIssues(data, []);
  if (data !== undefined && all.length === 0) return data;
  throw new ConfigError(
    path,
    all.map((issue) => ({ ...issue, path: formatPath(issue.path), ...places.value(issue.path) })),
  );
}
