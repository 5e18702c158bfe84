// Names of stages in the registry: MLflow's four, and those that a store is told of. MLflow's `None` is where a version
// is developed, so it answers to `dev` and `Development` too.
import { suggestion } from "../base/index.ts";
import { invalid } from "./validation.ts";

/** Is where a version begins. */
export const firstStage = "None";

/** Is where versions go that make room for another. */
export const archivedStage = "Archived";

/** Are the stages that MLflow knows, in the order of a version's life. */
export const mlflowStages: readonly string[] = [firstStage, "Staging", "Production", archivedStage];

const developmentNames = ["dev", "development"];
const maxStageLength = 100;

/**
 * Returns a stage as it is stored, whatever the case of its name.
 *
 * @throws TrackingError (INVALID_PARAMETER_VALUE) for a name that is neither MLflow's nor among `custom`.
 */
export function canonicalStage(name: string, custom: readonly string[] = []): string {
  const lower = String(name).toLowerCase();
  if (developmentNames.includes(lower)) return firstStage;
  const known = [...mlflowStages, ...custom];
  const stage = known.find((each) => each.toLowerCase() === lower);
  if (stage !== undefined) return stage;
  throw invalid(
    `stage: it must be one that the store knows, got "${name}". ${suggestion(String(name), known.map(shownStage))}`,
  );
}

/** Returns the name of a stage for people, who call MLflow's `None` by what it means. */
export function shownStage(stage: string): string {
  return stage === firstStage ? "Development" : stage;
}

/** Tells whether a stage holds versions that are in use, so that a newcomer may archive those that are there. */
export function isActiveStage(stage: string): boolean {
  return stage !== firstStage && stage !== archivedStage;
}

/** Checks the names of stages that a store shall know beside MLflow's, and returns them. */
export function checkCustomStages(stages: readonly string[]): readonly string[] {
  const taken = new Set([...mlflowStages.map((stage) => stage.toLowerCase()), ...developmentNames, "latest"]);
  for (const stage of stages) {
    // a stage stands in models:/NAME/STAGE, where a number is a version
    if (
      !/^(?!\d+$)[\p{L}\p{N}_. -]+$/u.test(stage) ||
      stage.trim() !== stage ||
      stage.length > maxStageLength
    ) {
      throw invalid(
        `stages: a name must have 1 to ${maxStageLength} letters, digits, "_", ".", "-" or spaces within and be no ` +
          `number, got ${JSON.stringify(stage)}.`,
      );
    }
    if (taken.has(stage.toLowerCase()) || stage === "Deleted_Internal") {
      throw invalid(`stages: "${stage}" is taken. Names ignore case; choose another.`);
    }
    taken.add(stage.toLowerCase());
  }
  return stages;
}

/** Returns of each stage, or of each that is wanted, the newest version; `versions` and the result are by number. */
export function newestOfStages<T extends { version: number; currentStage: string }>(
  versions: readonly T[],
  wanted: readonly string[] | undefined,
): T[] {
  const newest = new Map(versions.map((version) => [version.currentStage, version]));
  return [...newest.values()]
    .filter(({ currentStage }) => wanted === undefined || wanted.includes(currentStage))
    .sort((a, b) => a.version - b.version);
}
