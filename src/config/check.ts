// Proves a whole config before any work starts: syntax, schema, rules, files, columns, stores. Loads no libtorch.
import { existsSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { ConfigError, type ConfigIssue, showStoreUri } from "../base/index.ts";
import { type BaseModelSource, resolveBaseModel } from "./base-model.ts";
import { composedUseCase } from "./composed-use-case.ts";
import { dataFileProblems } from "./data-file.ts";
import type { ConfigDocument } from "./document.ts";
import { loadConfig } from "./load.ts";
import type { MapNode } from "./node.ts";
import { type OutputFolders, type UseCaseLocation, locateUseCase, resolveDataPath } from "./paths.ts";
import { inFileOrder } from "./in-file-order.ts";
import type { SchemaIssue } from "./schema-issues.ts";
import { encodeSegment } from "./segments.ts";
import { checkOutputs, checkTracking } from "./surroundings.ts";
import { type UseCaseConfig, type ValidatedUseCase, validateUseCase } from "./use-case.ts";
import type { ConfigPath } from "./value.ts";

/** Holds every path that a config leads to, absolute. */
export interface ResolvedUseCase {
  location: UseCaseLocation;
  train: string;
  test?: string;
  validation?: string;
  baseModel: BaseModelSource;
  /** The tracking store; paths in it are absolute. */
  trackingUri: string;
  outputs: OutputFolders;
}

/** Holds what a check found. */
export interface CheckReport {
  /** The path of the config as given. */
  source: string;
  issues: readonly ConfigIssue[];
  warnings: readonly ConfigIssue[];
  location: UseCaseLocation;
  /** Present if there are no issues. */
  config?: UseCaseConfig;
  /** Present if there are no issues. */
  resolved?: ResolvedUseCase;
}

/**
 * Checks a use case's config and all that it names: keys, types, rules, files, columns, base model, stores.
 * All problems come back at once, in the order of the file; nothing is loaded, fetched or written.
 * `location` is given for a config that stands elsewhere than where its paths begin, as in a run's folder.
 */
export async function checkUseCase(
  path: string,
  overrides: readonly string[] = [],
  location: UseCaseLocation = locateUseCase(path),
): Promise<CheckReport> {
  return checkDocument(path, () => loadConfig(path), overrides, location);
}

/**
 * Checks a composed config in the same way, as the use case that its groups make. Paths begin at
 * `use_cases/<dataset.name>` where there is such a folder, else at the project's root.
 */
export async function checkComposed(job: MapNode, projectRoot: string): Promise<CheckReport> {
  const name = plainName(job);
  const folder = join(projectRoot, "use_cases", encodeSegment(name));
  const useCaseFolder = existsSync(folder) ? folder : projectRoot;
  const location = { projectRoot, useCaseFolder, useCaseName: name };
  return checkDocument(job.origin.source, () => composedUseCase(job), [], location);
}

/** Returns the name of the data set, by which a composed config's use case goes where nothing else names it. */
function plainName(job: MapNode): string {
  const dataset = job.entries.get("dataset")?.node;
  const name = dataset?.kind === "map" ? dataset.entries.get("name")?.node : undefined;
  return name?.kind === "scalar" && typeof name.value === "string" && name.value !== "???"
    ? name.value
    : "default";
}

async function checkDocument(
  source: string,
  read: () => ConfigDocument | Promise<ConfigDocument>,
  overrides: readonly string[],
  location: UseCaseLocation,
): Promise<CheckReport> {
  const report = { source, location };
  let validated: ValidatedUseCase;
  try {
    validated = await validateUseCase(await read(), { overrides, useCase: location.useCaseName });
  } catch (error) {
    if (error instanceof ConfigError) return { ...report, issues: error.issues, warnings: [] };
    throw error;
  }
  const { config, draft, isBroken, locate } = validated;
  const found = draft === undefined ? undefined : checkSurroundings(draft, location, isBroken);
  const fresh = (findings: readonly SchemaIssue[]): ConfigIssue[] =>
    findings.filter((issue) => !isBroken(issue.path)).map(locate);
  const issues = inFileOrder([...validated.issues, ...fresh(found?.issues ?? [])]);
  const warnings = inFileOrder([...validated.warnings, ...fresh(found?.warnings ?? [])]);
  if (issues.length > 0 || config === undefined || found?.resolved === undefined)
    return { ...report, issues, warnings };
  return { ...report, issues, warnings, config, resolved: found.resolved };
}

/** Checks a use case's config as `checkUseCase` does and returns it; any issue throws a `ConfigError` with all of them. */
export async function loadUseCase(
  path: string,
  overrides: readonly string[] = [],
  location?: UseCaseLocation,
): Promise<{ config: UseCaseConfig; resolved: ResolvedUseCase; warnings: readonly ConfigIssue[] }> {
  const { config, resolved, issues, warnings } = await checkUseCase(path, overrides, location);
  if (config === undefined || resolved === undefined) throw new ConfigError(path, issues);
  return { config, resolved, warnings };
}

/** Writes the resolved paths for people, one a line, relative to the project root where they are inside. */
export function formatResolved({ location, baseModel, outputs, ...resolved }: ResolvedUseCase): string {
  const root = location.projectRoot;
  const short = (path: string): string => {
    const inside = relative(root, path);
    return inside.startsWith("..") || isAbsolute(inside) ? path : inside;
  };
  const lines: [string, string | undefined][] = [
    ["project", root],
    ["train", short(resolved.train)],
    ["validation", resolved.validation && short(resolved.validation)],
    ["test", resolved.test && short(resolved.test)],
    [
      "base model",
      baseModel.kind === "folder"
        ? short(baseModel.path)
        : baseModel.kind === "uri"
          ? `${baseModel.uri}, of the tracking store`
          : `${baseModel.id}, to be fetched into ${short(baseModel.path)}`,
    ],
    ["tracking", showStoreUri(resolved.trackingUri, root)],
    ["models", short(outputs.trainedModels)],
    ["champion", short(outputs.optimumModel)],
  ];
  return lines
    .flatMap(([label, text]) => (text === undefined ? [] : [`${label.padEnd(11)}${text}`]))
    .join("\n");
}

interface Findings {
  issues: SchemaIssue[];
  warnings: SchemaIssue[];
}

function checkSurroundings(
  config: UseCaseConfig,
  location: UseCaseLocation,
  isBroken: (path: ConfigPath) => boolean,
): Findings & { resolved?: ResolvedUseCase } {
  const findings: Findings = { issues: [], warnings: [] };
  const [train, test, validation] = (["train", "test", "validation"] as const).map((key) =>
    checkDataFile(config, key, location, findings),
  );
  const baseModel = checkBaseModel(config, location, findings);
  const trackingUri = checkTracking(config.mlops.tracking, location.projectRoot, findings.issues);
  const isNamed = !isBroken(["use_case"]) && !isBroken(["experiment"]);
  const outputs = isNamed ? checkOutputs(config, location.projectRoot, findings.issues) : undefined;
  if (train === undefined || baseModel === undefined || trackingUri === undefined || outputs === undefined) {
    return findings;
  }
  const resolved: ResolvedUseCase = { location, train, baseModel, trackingUri, outputs };
  if (test !== undefined) resolved.test = test;
  if (validation !== undefined) resolved.validation = validation;
  return { ...findings, resolved };
}

function checkDataFile(
  { dataset }: UseCaseConfig,
  key: "train" | "test" | "validation",
  location: UseCaseLocation,
  { issues }: Findings,
): string | undefined {
  const name = dataset[key];
  if (name === undefined) return undefined;
  const { path } = resolveDataPath(name, location);
  const named = (["text_column", "text_pair_column", "label_column"] as const).map(
    (option) => [option, [dataset[option] ?? []].flat()] as const,
  );
  const problems = dataFileProblems({
    name,
    path,
    lookedIn: [location.useCaseFolder, location.projectRoot],
    delimiter: dataset.delimiter,
    columns: Object.fromEntries(named),
  });
  for (const { option = key, message } of problems)
    issues.push({ path: ["dataset", option], code: "file", message });
  return problems.some(({ option }) => option === undefined) ? undefined : path;
}

function checkBaseModel(
  { base_model }: UseCaseConfig,
  location: UseCaseLocation,
  { issues }: Findings,
): BaseModelSource | undefined {
  const source = resolveBaseModel(base_model, location);
  if (!("problem" in source)) return source;
  issues.push({ path: ["base_model"], code: "file", message: source.problem });
  return undefined;
}
