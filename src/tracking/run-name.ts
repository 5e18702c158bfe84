// The name of a run, which MLflow keeps twice: as an attribute and as a tag.
import { randomName } from "./random-name.ts";
import type { CreateRunInput } from "./store.ts";
import { invalid } from "./validation.ts";

export const runNameTag = "mlflow.runName";

/** Returns the name and the tags of a new run; a name and a tag that differ throw. */
export function namedTags({ runName, tags = {} }: Pick<CreateRunInput, "runName" | "tags">): {
  name: string;
  tags: Record<string, string>;
} {
  const tagged = tags[runNameTag];
  if (runName !== undefined && tagged !== undefined && runName !== tagged) {
    throw invalid(
      `createRun: runName and the tag ${runNameTag} must agree, got "${runName}" and "${tagged}". Give one.`,
    );
  }
  const name = runName ?? tagged ?? randomName();
  return { name, tags: { ...tags, [runNameTag]: name } };
}
