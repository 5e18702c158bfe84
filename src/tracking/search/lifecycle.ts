import type { LifecycleStage, ViewType } from "../types.ts";
import { invalid } from "../validation.ts";

const stages: Readonly<Record<ViewType, readonly LifecycleStage[]>> = {
  ACTIVE_ONLY: ["active"],
  DELETED_ONLY: ["deleted"],
  ALL: ["active", "deleted"],
};

/** Returns the lifecycle stages that a view shows, or throws a `TrackingError` for a view that there is not. */
export function stagesOfView(viewType: ViewType = "ACTIVE_ONLY"): readonly LifecycleStage[] {
  if (Object.hasOwn(stages, viewType)) return stages[viewType];
  throw invalid(`viewType: it must be one of ${Object.keys(stages).join(", ")}, got "${String(viewType)}".`);
}
