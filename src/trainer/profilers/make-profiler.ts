// A profiler by the name that a trainer's flag gives it, with the options of a config.
import { camelCase, camelCaseKeys } from "../../base/index.ts";
import type { ProfilerSettings } from "../../config/index.ts";
import type { profiler } from "../../torch/index.ts";
import { AdvancedProfiler } from "./advanced-profiler.ts";
import { PassThroughProfiler } from "./pass-through-profiler.ts";
import type { Profiler, ProfilerConfig } from "./profiler.ts";
import { PyTorchProfiler } from "./pytorch-profiler.ts";
import { SimpleProfiler } from "./simple-profiler.ts";

/** Makes the profiler of a config; undefined: one that measures nothing. Its options go over those of `usual`. */
export function makeProfiler(settings: ProfilerSettings | undefined, usual: ProfilerConfig = {}): Profiler {
  switch (settings?.name) {
    case "simple":
      return new SimpleProfiler({ ...usual, ...camelCaseKeys(settings) });
    case "advanced":
      return new AdvancedProfiler({ ...usual, ...camelCaseKeys(settings) });
    case "pytorch": {
      const { name: _, sort_by_key, ...options } = settings;
      const sortByKey = camelCase(sort_by_key) as profiler.SortKey;
      return new PyTorchProfiler({ ...usual, ...camelCaseKeys(options), sortByKey });
    }
    case "pass_through":
    case undefined:
      return new PassThroughProfiler({ ...usual, ...settings });
  }
}
