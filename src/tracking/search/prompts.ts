// MLflow keeps prompts among registered models, and leaves them out of searches that do not ask for them.
import type { Comparison } from "./ast.ts";

/** Is the tag of models and versions that are prompts, with the value `true`. */
export const promptTag = "mlflow.prompt.is_prompt";

/** Tells whether an entity of the registry is a prompt. */
export function isPrompt({ tags }: { tags: Record<string, string> }): boolean {
  return tags[promptTag] === "true";
}

/** Says whether a search of the registry is for prompts, and what else it asks. */
export interface PromptSearch {
  asksForPrompts: boolean;
  /** All comparisons of a search for prompts; otherwise those that are not about prompts. */
  comparisons: readonly Comparison[];
}

/** Tells a search for prompts from one for models: the latter finds nothing with the tag of prompts. */
export function splitPromptSearch(comparisons: readonly Comparison[]): PromptSearch {
  const isAboutPrompts = ({ kind, key }: Comparison) => kind === "tag" && key === promptTag;
  const asksForPrompts = comparisons.filter(isAboutPrompts).some(({ comparator, value }) => {
    const asked = String(value).toLowerCase();
    return (comparator === "=" && asked === "true") || (comparator === "!=" && asked === "false");
  });
  if (asksForPrompts) return { asksForPrompts, comparisons };
  return { asksForPrompts, comparisons: comparisons.filter((comparison) => !isAboutPrompts(comparison)) };
}
