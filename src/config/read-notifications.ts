// A list of notifications in a file of its own.
import { ConfigError } from "../base/index.ts";
import type { Notification } from "../base/index.ts";
import { loadConfig } from "./load.ts";
import { formatPath } from "./value.ts";

/** Reads a JSON or YAML file that holds a list of notifications; all that is wrong in it throws one `ConfigError`. */
export async function readNotifications(path: string): Promise<readonly Notification[]> {
  const [{ notificationIssues, notificationsSchema }, { checkSchema }] = await Promise.all([
    import("./notifications.ts"), // both load zod (50 ms), which only this needs
    import("./schema-issues.ts"),
  ]);
  const { value, places } = await loadConfig(path);
  const { data, issues } = checkSchema(notificationsSchema, value);
  const all = data === undefined ? issues : notificationIssues(data, []);
  if (data !== undefined && all.length === 0) return data;
  throw new ConfigError(
    path,
    all.map((issue) => ({ ...issue, path: formatPath(issue.path), ...places.value(issue.path) })),
  );
}
