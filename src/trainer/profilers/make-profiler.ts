// A profiler by the name that a trainer's flag gives it.
import { AdvancedProfiler } from "./advanced-profiler.ts";
import { PassThroughProfiler } from "./pass-through-profiler.ts";
import type { Profiler, ProfilerConfig } from "./profiler.ts";
import { PyTorchProfiler } from "./pytorch-profiler.ts";
import { SimpleProfiler } from "./simple-profiler.ts";

/** The profilers that have a name; it is Lightning's. */
export type ProfilerName = "simple" | "advanced" | "pytorch";

/** Makes the profiler of a name; undefined: one that measures nothing. */
export function makeProfiler(name: ProfilerName | undefined, config: ProfilerConfig = {}): Profiler {
  switch (name) {
    case "simple":
      return new SimpleProfiler(config);
    case "advanced":
      return new AdvancedProfiler(config);
    case "pytorch":
      return new PyTorchProfiler(config);
    case undefined:
      return new PassThroughProfiler(config);
  }
}
