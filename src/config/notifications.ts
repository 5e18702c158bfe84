// The list of notifications, which stands in a use case's config or in a file of its own (./read-notifications.ts).
import * as z from "zod";
import { notificationEvents, notificationProblems } from "../base/index.ts";
import type { Notification } from "../base/index.ts";
import { choice, expecting, text } from "./fields.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import type { ConfigPath } from "./value.ts";

const notificationSchema = z.strictObject({
  on: expecting("a list of events, at least one", z.array(choice(notificationEvents)).min(1)),
  command: expecting("a program and its arguments, as a list", z.array(z.string()).min(1)).optional(),
  webhook: text("an https:// address").optional(),
  secret_env: text("the name of an environment variable").optional(),
});

/** Accepts a list of notifications. */
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
