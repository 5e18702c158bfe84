// The order in which what is wrong with a config is told.
import type { ConfigIssue } from "../base/index.ts";

/** Sorts by file and place; what comes from overrides, without one, follows at the end. */
export function inFileOrder(issues: readonly ConfigIssue[]): ConfigIssue[] {
  const place = ({ line = Infinity, column = 0 }: ConfigIssue): number => line * 1e6 + column;
  const file = ({ line, source = "" }: ConfigIssue): string => (line === undefined ? "\uffff" : source);
  return issues.toSorted((a, b) =>
    file(a) === file(b) ? place(a) - place(b) || 0 : file(a) < file(b) ? -1 : 1,
  );
}
