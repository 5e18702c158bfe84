// MLflow's limits on names and values. Values that are too long are cut with a mark: they must not end a run.
import { TrackingError } from "../base/index.ts";
import type { DatasetInput, Experiment, Metric, Param, RunTag } from "./types.ts";

/** MLflow 3.17's limits; lengths in characters. */
export const limits = {
  entityKey: 250,
  paramValue: 6000,
  tagValue: 8000,
  experimentName: 500,
  experimentTagValue: 20_000,
  artifactLocation: 2048,
  registryTagValue: 100_000,
  alias: 255,
  datasetName: 500,
  datasetDigest: 36,
  inputTagKey: 255,
  inputTagValue: 500,
  metricsPerBatch: 1000,
  paramsPerBatch: 100,
  tagsPerBatch: 100,
  entitiesPerBatch: 1000,
} as const;

/** Makes the error for input that the store must refuse. */
export function invalid(message: string): TrackingError {
  return new TrackingError(message, { code: "INVALID_PARAMETER_VALUE" });
}

/** Cuts a value to a limit so that the cut can be seen, without splitting a surrogate pair. */
export function truncate(value: string, limit: number): string {
  if (value.length <= limit) return value;
  const mark = `... [truncated, ${value.length} characters in all]`;
  const kept = value.slice(0, limit - mark.length).replace(/[\uD800-\uDBFF]$/u, "");
  return kept + mark;
}

/** Checks a batch against all limits, and returns it with values cut to their limits. */
export function checkBatch(
  metrics: readonly Metric[],
  params: readonly Param[],
  tags: readonly RunTag[],
): { params: Param[]; tags: RunTag[] } {
  checkCount("metrics", metrics.length, limits.metricsPerBatch);
  checkCount("params", params.length, limits.paramsPerBatch);
  checkCount("tags", tags.length, limits.tagsPerBatch);
  checkCount("items", metrics.length + params.length + tags.length, limits.entitiesPerBatch);
  for (const metric of metrics) checkMetric(metric);
  const seen = new Set<string>();
  for (const { key } of params) {
    checkKey("param", key);
    if (seen.has(key)) throw invalid(`logBatch: each param may occur once, got "${key}" twice.`);
    seen.add(key);
  }
  return {
    params: params.map(({ key, value }) => ({ key, value: truncate(value, limits.paramValue) })),
    tags: tags.map(({ key, value }) => {
      checkKey("tag", key);
      return { key, value: truncate(value, limits.tagValue) };
    }),
  };
}

/** Checks one point: its name, and that time and step are whole numbers. */
export function checkMetric({ key, value, timestamp, step }: Metric): void {
  checkKey("metric", key);
  if (typeof value !== "number") {
    throw invalid(`metric "${key}": the value must be a number, got ${JSON.stringify(value)}.`);
  }
  if (!Number.isSafeInteger(timestamp) || timestamp < 0) {
    throw invalid(`metric "${key}": the timestamp must be whole milliseconds since 1970, got ${timestamp}.`);
  }
  if (!Number.isSafeInteger(step)) {
    throw invalid(`metric "${key}": the step must be a whole number, got ${step}.`);
  }
}

/** Checks the name of a metric, param or tag. */
export function checkKey(kind: string, key: string): void {
  if (!/^[/\p{L}\p{N}_.\- :]+$/u.test(key)) {
    throw invalid(
      `${kind} name: only letters, digits, "_", "/", ".", "-", ":" and spaces are allowed, got ${JSON.stringify(key)}.`,
    );
  }
  if (key.length > limits.entityKey) {
    throw invalid(
      `${kind} name: at most ${limits.entityKey} characters are allowed, got ${key.length}: "${key.slice(0, 40)}...".`,
    );
  }
  // MLflow's file store keeps a key as a path, so a key must be the only spelling of its path
  const segments = key.split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    throw invalid(`${kind} name: it may be used as a path, so no empty, "." or ".." part, got "${key}".`);
  }
}

/** Checks the name of an experiment. */
export function checkExperimentName(name: string): void {
  if (typeof name !== "string" || name.trim() === "") {
    throw invalid("experiment name: it must not be empty.");
  }
  checkLength("experiment name", name, limits.experimentName);
}

/** Checks where an experiment is to keep its artifacts. */
export function checkArtifactLocation(location: string): void {
  if (location.startsWith("runs:")) {
    throw invalid(`createExperiment: artifactLocation must be a folder or a storage URI, got "${location}".`);
  }
  checkLength("createExperiment: artifactLocation", location, limits.artifactLocation);
}

/** Throws for an experiment in the trash. */
export function checkExperimentIsActive({ experimentId, name, lifecycleStage }: Experiment): void {
  if (lifecycleStage === "active") return;
  throw invalid(
    `experiment "${name}": it must be active, but it is deleted. Restore it (mlflow experiments restore -x ` +
      `${experimentId}), or choose another name.`,
  );
}

/** Checks the tags of an experiment. */
export function checkExperimentTags(tags: Record<string, string>): void {
  for (const [key, value] of Object.entries(tags)) {
    checkKey("experiment tag", key);
    checkLength(`experiment tag "${key}"`, value, limits.experimentTagValue);
  }
}

/** Checks the name of a logged model. */
export function checkLoggedModelName(name: string): void {
  if (name === "" || /[/:.%"']/.test(name)) {
    throw invalid(`logged model: the name must not be empty nor hold any of / : . % " ', got "${name}".`);
  }
}

/** Checks the name of a registered model. */
export function checkModelName(name: string): void {
  if (typeof name !== "string" || name.trim() === "") {
    throw invalid("registered model name: it must not be empty.");
  }
  if (/[/:]/.test(name) || name === "." || name === "..") {
    throw invalid(`registered model name: "/", ":", "." and ".." are not allowed, got "${name}".`);
  }
}

/** Checks the tags of a registered model or of a version. */
export function checkRegistryTags(tags: Record<string, string>): void {
  for (const [key, value] of Object.entries(tags)) {
    checkKey("registry tag", key);
    checkLength(`registry tag "${key}"`, value, limits.registryTagValue);
  }
}

/** Checks an alias; `latest` and `v1`, `v2`, ... are MLflow's own words. */
export function checkAlias(alias: string): void {
  if (!/^[\p{L}\p{N}_-]+$/u.test(alias)) {
    throw invalid(`alias: only letters, digits, "_" and "-" are allowed, got ${JSON.stringify(alias)}.`);
  }
  checkLength("alias", alias, limits.alias);
  if (/^(latest|v\d+)$/i.test(alias)) throw invalid(`alias: "${alias}" is reserved. Choose another name.`);
}

/** Checks a data set that goes into a run. */
export function checkDatasetInput({ dataset, tags }: DatasetInput): void {
  if (dataset.name === "" || dataset.digest === "") {
    throw invalid(
      `dataset: name and digest must not be empty, got "${dataset.name}" and "${dataset.digest}".`,
    );
  }
  checkLength("dataset name", dataset.name, limits.datasetName);
  checkLength("dataset digest", dataset.digest, limits.datasetDigest);
  for (const [key, value] of Object.entries(tags)) {
    checkLength("dataset tag name", key, limits.inputTagKey);
    checkLength(`dataset tag "${key}"`, value, limits.inputTagValue);
  }
}

function checkLength(what: string, value: string, limit: number): void {
  if (value.length > limit)
    throw invalid(`${what}: at most ${limit} characters are allowed, got ${value.length}.`);
}

function checkCount(what: string, count: number, limit: number): void {
  if (count > limit)
    throw invalid(`logBatch: at most ${limit} ${what} are allowed in one batch, got ${count}.`);
}
