// Which names each kind of entity can be searched and ordered by, as in MLflow 3.17 (utils/search_utils.py).
import type { Kind, Order } from "./ast.ts";

/** Says what a search over one kind of entity may name. */
export interface SearchSchema {
  /** Words before the dot, `metrics` say, and what they mean. */
  prefixes: Readonly<Record<string, Kind>>;
  attributes: Readonly<Record<string, "text" | "number">>;
  /** Attributes that may be ordered by and not be filtered by. */
  orderOnly: readonly string[];
  /** Other names of attributes. */
  aliases: Readonly<Record<string, string>>;
  /** Attributes that may be compared with a list. */
  listAttributes: readonly string[];
  /** Whether tags and params may be asked for with IS NULL. */
  hasNullTests: boolean;
  /** Kinds that may be ordered by. */
  orderKinds: readonly Order["kind"][];
  /** Is the order where none is given. */
  defaultOrder: readonly Order[];
  /** Ends an order that is given, so that pages are stable. */
  tieOrder: readonly Order[];
  /** Most results that one page may have. */
  maxResults: number;
  /** Values of tags that an entity has without having them. */
  impliedTags: Readonly<Record<string, string>>;
}

const attributePrefixes = { attribute: "attribute", attributes: "attribute", attr: "attribute" } as const;
const tagPrefixes = { tag: "tag", tags: "tag" } as const;
const valuePrefixes = {
  ...tagPrefixes,
  metric: "metric",
  metrics: "metric",
  param: "param",
  params: "param",
  parameter: "param",
  parameters: "param",
} as const;

const by = (key: string, ascending: boolean): Order => ({ kind: "attribute", key, ascending });

export const runSchema: SearchSchema = {
  prefixes: {
    ...attributePrefixes,
    ...valuePrefixes,
    run: "attribute",
    dataset: "dataset",
    datasets: "dataset",
  },
  attributes: {
    run_id: "text",
    run_name: "text",
    user_id: "text",
    status: "text",
    artifact_uri: "text",
    start_time: "number",
    end_time: "number",
  },
  orderOnly: [],
  aliases: {
    created: "start_time",
    Created: "start_time",
    "run name": "run_name",
    "Run name": "run_name",
    "Run Name": "run_name",
  },
  listAttributes: ["run_id"],
  hasNullTests: true,
  orderKinds: ["attribute", "metric", "param", "tag"],
  defaultOrder: [by("start_time", false), by("run_id", true)],
  tieOrder: [by("start_time", false), by("run_id", true)],
  maxResults: 50_000,
  impliedTags: {},
};

export const experimentSchema: SearchSchema = {
  prefixes: { ...attributePrefixes, ...tagPrefixes },
  attributes: { name: "text", experiment_id: "text", creation_time: "number", last_update_time: "number" },
  orderOnly: [],
  aliases: {},
  listAttributes: ["experiment_id"],
  hasNullTests: true,
  orderKinds: ["attribute"],
  defaultOrder: [by("last_update_time", false), by("experiment_id", false)],
  tieOrder: [by("experiment_id", false)],
  maxResults: 50_000,
  impliedTags: {},
};

// MLflow keeps prompts in the same tables; a model has no such tag and counts as none
const noPrompt = { "mlflow.prompt.is_prompt": "false" };

export const registeredModelSchema: SearchSchema = {
  prefixes: { ...attributePrefixes, ...tagPrefixes },
  attributes: { name: "text" },
  orderOnly: ["creation_timestamp", "last_updated_timestamp"],
  aliases: { timestamp: "last_updated_timestamp" },
  listAttributes: ["name"],
  hasNullTests: false,
  orderKinds: ["attribute"],
  defaultOrder: [by("name", true)],
  tieOrder: [by("name", true)],
  maxResults: 1000,
  impliedTags: noPrompt,
};

export const modelVersionSchema: SearchSchema = {
  prefixes: { ...attributePrefixes, ...tagPrefixes },
  attributes: { name: "text", version_number: "number", run_id: "text", source_path: "text" },
  orderOnly: ["creation_timestamp", "last_updated_timestamp"],
  aliases: {},
  listAttributes: ["name", "run_id"],
  hasNullTests: false,
  orderKinds: ["attribute"],
  defaultOrder: [by("last_updated_timestamp", false), by("name", true), by("version_number", false)],
  tieOrder: [by("name", true), by("version_number", false)],
  maxResults: 200_000,
  impliedTags: noPrompt,
};

export const loggedModelSchema: SearchSchema = {
  prefixes: { ...attributePrefixes, ...valuePrefixes },
  attributes: {
    name: "text",
    model_id: "text",
    model_type: "text",
    status: "text",
    source_run_id: "text",
    creation_timestamp: "number",
    last_updated_timestamp: "number",
  },
  orderOnly: [],
  aliases: { creation_time: "creation_timestamp", last_updated_time: "last_updated_timestamp" },
  listAttributes: ["name", "model_id", "model_type", "status", "source_run_id"],
  hasNullTests: false,
  orderKinds: ["attribute", "metric"],
  defaultOrder: [by("creation_timestamp", false), by("model_id", true)],
  tieOrder: [by("creation_timestamp", false), by("model_id", true)],
  maxResults: 1000,
  impliedTags: {},
};

/** Fields of a data set that a run can be searched by. */
export const datasetFields = ["name", "digest", "context"] as const;
