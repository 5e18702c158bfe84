// Where the profiler of a config writes.
import { resolve } from "node:path";
import type { ProfilerSettings } from "../config/index.ts";

/** Lets the folder of a profiler begin at the project's root. */
export function profilerAt(profiler: ProfilerSettings, projectRoot: string): ProfilerSettings {
  const { dirpath } = profiler;
  return dirpath === undefined ? profiler : { ...profiler, dirpath: resolve(projectRoot, dirpath) };
}
