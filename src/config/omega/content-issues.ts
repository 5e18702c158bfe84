// Finds what no config may hold: interpolations that are not well-formed, and keys that reach into prototypes.
import type { ConfigIssue } from "../../base/index.ts";
import type { ConfigNode } from "../node.ts";
import { keyProblem } from "../parse-json.ts";
import { type ConfigPath, formatPath } from "../value.ts";
import { issueAt } from "./failure.ts";
import { GrammarError } from "./grammar.ts";
import { isInterpolation } from "./kinds.ts";
import { parseText } from "./parse-interpolation.ts";

/** Lists every interpolation of a tree that cannot be read, and every key that is refused, with its place. */
export function contentIssues(root: ConfigNode): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const visit = (node: ConfigNode, path: ConfigPath): void => {
    if (node.kind === "list") node.items.forEach((item, index) => visit(item, [...path, index]));
    if (node.kind === "map")
      for (const [key, entry] of node.entries) {
        const inner = [...path, String(key)];
        const problem = keyProblem(String(key));
        if (problem !== undefined) issues.push(issueAt(entry, formatPath(inner), problem, "syntax"));
        visit(entry.node, inner);
      }
    if (node.kind === "scalar" && isInterpolation(node)) {
      const message = interpolationProblem(node.value as string);
      if (message !== undefined) issues.push(issueAt(node, formatPath(path), message, "syntax"));
    }
  };
  visit(root, []);
  return issues;
}

/** Says why a text with interpolations cannot be read, or returns undefined. */
function interpolationProblem(text: string): string | undefined {
  try {
    parseText(text);
    return undefined;
  } catch (error) {
    if (error instanceof GrammarError) return syntaxMessage(error);
    throw error;
  }
}

/** Says what is wrong in the text of an interpolation. */
export function syntaxMessage({ message, offset }: GrammarError): string {
  return (
    `the interpolation cannot be read: ${message} (character ${offset + 1} of the text). ` +
    "Write ${key} or ${resolver:arguments}, and \\${ for the text itself."
  );
}
