// From the value of a config file to a typed UseCaseConfig. Every mistake is collected; none ends the search.
import type * as z from "zod";
import type { ConfigIssue } from "../base/index.ts";
import { type ConfigDocument, isBrokenAt } from "./document.ts";
import type { SectionKinds } from "./normalize-use-case.ts";
import { type OverrideResult, applyOverrides } from "./overrides.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import type { useCaseSchema } from "./use-case-schema.ts";
import {
  type ConfigMap,
  type ConfigPath,
  formatPath,
  formatValue,
  isConfigMap,
  overlaps,
  startsWith,
  valueAt,
} from "./value.ts";

/**
 * Is the config of a use case, checked and with every default filled in. Keys are those of the file.
 * Batches: an integer counts them, a number below 1 is a share; absent limits mean all.
 */
export type UseCaseConfig = z.output<typeof useCaseSchema>;

/** Holds what came of validating a config. */
export interface ValidatedUseCase {
  /** Present if there are no issues. */
  config?: UseCaseConfig;
  /** The config as far as it is valid, with defaults for what is not; for further checks, never for a run. */
  draft?: UseCaseConfig;
  issues: readonly ConfigIssue[];
  warnings: readonly ConfigIssue[];
  /** Gives an issue its place in the file, or the override that it comes from. */
  locate: (issue: SchemaIssue) => ConfigIssue;
  /** Tells whether a path is part of what is wrong already. */
  isBroken: (path: ConfigPath) => boolean;
}

/** Validates a config that was read, after `overrides`; `useCase` is its name where the file has none. */
export async function validateUseCase(
  document: ConfigDocument,
  { overrides = [], useCase }: { overrides?: readonly string[]; useCase: string },
): Promise<ValidatedUseCase> {
  const [{ normalizeUseCase }, { refuse }, { checkSchema, keysAt }, { useCaseSchema }, { checkRules }] =
    await Promise.all([
      import("./normalize-use-case.ts"), // all of these load zod (50 ms), which reading a config need not
      import("./refusals.ts"),
      import("./schema-issues.ts"),
      import("./use-case-schema.ts"),
      import("./rules.ts"),
    ]);
  const overridden = applyOverrides(document.value, overrides);
  const root = overridden.value;
  if (!isConfigMap(root)) {
    const message = `a config must be a mapping of keys to values, got ${formatValue(root)}.`;
    const issue: ConfigIssue = { path: "", code: "type", message, ...document.places.value([]) };
    return { issues: [issue], warnings: [], locate: () => issue, isBroken: () => true };
  }
  const isWholeShare = (path: ConfigPath): boolean =>
    isFloatOverride(overridden, path) ?? document.places.isFloat(path);
  const normalized = normalizeUseCase(root, { useCase, isWholeShare });
  const locate = (issue: SchemaIssue): ConfigIssue =>
    locateIssue({ ...issue, path: normalized.original(issue.path) }, document, overridden);

  const value = unknownNulls(normalized.value, normalized.nulls, (path) =>
    keysAt(useCaseSchema, normalized.value, path),
  );
  const checked = checkSchema(useCaseSchema, value);
  const wrong = refuse([...normalized.issues, ...checked.issues], value);
  const isWrong = (path: ConfigPath): boolean => wrong.some((issue) => overlaps(issue.path, path));
  const draft = checked.data ?? draftOf(value, wrong, (part) => checkSchema(useCaseSchema, part));
  const rules = draft === undefined ? { issues: [], warnings: [] } : checkRules(draft);
  const isUnresolved = (path: ConfigPath): boolean => isBrokenAt(document, path);
  const all = [...wrong, ...rules.issues.filter(({ path }) => !isWrong(path))].filter(
    ({ path }) => !isUnresolved(path),
  );
  const issues = [...overridden.issues, ...(document.issues ?? []), ...all.map(locate)];
  const warnings = rules.warnings.filter(({ path }) => !isWrong(path)).map(locate);
  const isBroken = (path: ConfigPath): boolean =>
    isUnresolved(path) || all.some((issue) => overlaps(issue.path, path));
  const result = { issues, warnings, locate, isBroken };
  if (draft === undefined) return result;
  return issues.length === 0 ? { ...result, draft, config: draft } : { ...result, draft };
}

/** Checks a document against a schema that shares its sections with the use case's; rules are the caller's matter. */
export async function checkDocumentWith<T extends z.ZodType>(
  schema: T,
  document: ConfigDocument,
  kinds?: SectionKinds,
): Promise<{
  config?: z.output<T>;
  /** The config in its one form, right or wrong. */
  value: ConfigMap;
  issues: readonly ConfigIssue[];
  locate: (issue: SchemaIssue) => ConfigIssue;
}> {
  const [{ normalizeUseCase }, { refuse }, { checkSchema }] = await Promise.all([
    import("./normalize-use-case.ts"),
    import("./refusals.ts"),
    import("./schema-issues.ts"),
  ]);
  const overridden = applyOverrides(document.value, []);
  const root = isConfigMap(overridden.value) ? overridden.value : {};
  const isWholeShare = (path: ConfigPath): boolean => document.places.isFloat(path);
  const normalized = normalizeUseCase(root, {
    useCase: "default",
    isWholeShare,
    ...(kinds !== undefined && { kinds }),
  });
  dropUseCaseDefaults(normalized.value, root);
  const locate = (issue: SchemaIssue): ConfigIssue =>
    locateIssue({ ...issue, path: normalized.original(issue.path) }, document, overridden);
  const { data, issues } = checkSchema(schema, normalized.value);
  const { value } = normalized;
  const all = refuse([...normalized.issues, ...issues], value, kinds)
    .filter(({ path }) => !isBrokenAt(document, path))
    .map(locate);
  return {
    ...(data !== undefined && { config: data }),
    value,
    issues: [...(document.issues ?? []), ...all],
    locate,
  };
}

/** Returns what gives an issue its place in a document without overrides. */
export function locateIn(document: ConfigDocument): (issue: SchemaIssue) => ConfigIssue {
  const overridden = applyOverrides(document.value, []);
  return (issue) => locateIssue(issue, document, overridden);
}

/** Takes out what normalising fills in for use cases alone: the class of a registered part may not know it. */
function dropUseCaseDefaults(value: ConfigMap, given: ConfigMap): void {
  if (!Object.hasOwn(given, "register")) delete value["register"];
  const { dataset } = value;
  if (isConfigMap(dataset) && isConfigMap(given["dataset"]) && !("eval_batch_size" in given["dataset"]))
    delete dataset["eval_batch_size"];
}

/** Returns the last override that wrote a path or something around it. */
function writtenBy(
  { written }: OverrideResult,
  path: ConfigPath,
): OverrideResult["written"][number] | undefined {
  return written.findLast((entry) => startsWith(path, entry.path));
}

/** Tells whether an override wrote `1.0` rather than `1` at a path; undefined where none wrote there. */
function isFloatOverride(overridden: OverrideResult, path: ConfigPath): boolean | undefined {
  const entry = writtenBy(overridden, path);
  if (entry === undefined) return undefined;
  let node = entry.override.value;
  for (const step of path.slice(entry.path.length)) {
    if (node?.kind === "list") node = node.items[Number(step)];
    else if (node?.kind === "map") node = node.entries.get(step)?.node;
  }
  return node?.kind === "scalar" && node.isFloat;
}

function locateIssue(
  issue: SchemaIssue,
  { places }: ConfigDocument,
  overridden: OverrideResult,
): ConfigIssue {
  const { path, message, ...rest } = issue;
  const override = writtenBy(overridden, path)?.override;
  if (override !== undefined) {
    return {
      ...rest,
      path: formatPath(path),
      message: `${message} (Override ${formatValue(override.text)}.)`,
    };
  }
  const place = issue.code === "unknown_key" ? places.key(path) : places.value(path);
  return { ...rest, path: formatPath(places.written(path)), message, ...place };
}

/** Puts back keys that are null and unknown to the schema, so that it reports them: null is no licence for a typo. */
function unknownNulls(
  value: ConfigMap,
  nulls: readonly ConfigPath[],
  keysAt: (path: ConfigPath) => string[],
): ConfigMap {
  const result = structuredClone(value);
  for (const path of nulls) {
    const parent = valueAt(result, path.slice(0, -1));
    const keys = keysAt(path.slice(0, -1));
    if (isConfigMap(parent) && keys.length > 0 && !keys.includes(String(path.at(-1))))
      parent[path.at(-1)!] = null;
  }
  return result;
}

/** Takes what is wrong out of a config until the rest is valid. */
function draftOf(
  value: ConfigMap,
  wrong: readonly SchemaIssue[],
  check: (value: ConfigMap) => { data?: UseCaseConfig; issues: readonly SchemaIssue[] },
): UseCaseConfig | undefined {
  const draft = structuredClone(value);
  let issues = wrong;
  for (let round = 0; round < 3; round++) {
    for (const issue of issues) takeOut(draft, issue);
    const checked = check(draft);
    if (checked.data !== undefined) return checked.data;
    issues = checked.issues;
  }
  return undefined;
}

function takeOut(draft: ConfigMap, { path, code }: SchemaIssue): void {
  const [section, index] = path;
  const list = draft[String(section)];
  if (Array.isArray(list) && typeof index === "number" && (path.length === 2 || code === "missing")) {
    list[index] = { name: section === "loggers" ? "mlflow" : "lr_monitor" }; // keeps the places of those after it
  } else if (section === "dataset" && (path.length === 1 || (code === "missing" && path[1] === "train"))) {
    draft["dataset"] = { ...(isConfigMap(draft["dataset"]) ? draft["dataset"] : {}), train: "missing" };
  } else if (section === "use_case" || section === "register") {
    draft[section] = "unnamed";
  } else if (code === "missing") {
    delete draft[String(section)];
  } else {
    let depth = path.length;
    while (depth > 0 && !isConfigMap(valueAt(draft, path.slice(0, depth - 1)))) depth--;
    const parent = valueAt(draft, path.slice(0, depth - 1));
    if (isConfigMap(parent) && depth > 0) delete parent[path[depth - 1]!];
  }
}
