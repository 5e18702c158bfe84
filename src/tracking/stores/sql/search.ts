// The searches of a store in SQL: one query finds the rows of a page, a few more read what belongs to them.
import { datasetContextTag } from "../../dataset-uses.ts";
import { type PagedList, pagedList } from "../../paged-list.ts";
import { runNameTag } from "../../run-name.ts";
import {
  type Comparison,
  type Order,
  type Page,
  experimentSchema,
  loggedModelSchema,
  modelVersionSchema,
  parseFilter,
  parseOrderBy,
  promptTag,
  readModelOrders,
  readPage,
  registeredModelSchema,
  runSchema,
  splitPromptSearch,
  stagesOfView,
  toPagedList,
} from "../../search/index.ts";
import type {
  SearchExperimentsInput,
  SearchInput,
  SearchLoggedModelsInput,
  SearchRunsInput,
} from "../../store.ts";
import type { Experiment, LoggedModel, ModelVersion, RegisteredModel, Run, ViewType } from "../../types.ts";
import { experimentColumns, experimentIdText, experimentKey, toExperiments } from "./experiments.ts";
import { loggedModelColumns, toLoggedModels } from "./logged-models.ts";
import {
  deletedStage,
  modelVersionColumns,
  registeredModelColumns,
  toModelVersions,
  toRegisteredModels,
} from "./registry-rows.ts";
import { runColumns, toRuns } from "./runs.ts";
import {
  type Fragment,
  type Searched,
  type SqlOrder,
  compare,
  oneOf,
  toClause,
  toOrder,
} from "./search-sql.ts";
import {
  experiments,
  latestMetricOfModels,
  loggedModels,
  metricsOfModels,
  modelVersions,
  registeredModels,
  runs,
} from "./search-tables.ts";
import type { Sql, SqlRow } from "./sql.ts";

/** Finds runs. */
export async function searchRuns(sql: Sql, input: SearchRunsInput): Promise<PagedList<Run>> {
  const { filter, orderBy, experimentIds, viewType } = input;
  const where = [ofLifecycle("runs", viewType)];
  if (experimentIds !== undefined) where.push(oneOf("runs.experiment_id", experimentIds.map(experimentKey)));
  for (const comparison of parseFilter(filter, runSchema)) {
    if (comparison.kind === "dataset") where.push(usesDataset(sql, comparison));
    // as MLflow has it: the column is empty for runs of its early releases
    else if (comparison.kind === "attribute" && comparison.key === "run_name") {
      where.push(toClause(sql.dialect, runs, { ...comparison, kind: "tag", key: runNameTag }));
    } else where.push(toClause(sql.dialect, runs, comparison));
  }
  const page = readPage(input, runSchema, [experimentIds, viewType]);
  const orders = toOrders(sql, runs, parseOrderBy(orderBy, runSchema));
  const rows = await find(sql, runs, { columns: qualified("runs", runColumns), where, orders, page });
  return assemblePage(rows, page, (found) => toRuns(sql, found));
}

/** Finds experiments. */
export async function searchExperiments(
  sql: Sql,
  input: SearchExperimentsInput,
): Promise<PagedList<Experiment>> {
  const { filter, orderBy, viewType } = input;
  const page = readPage(input, experimentSchema, viewType);
  const rows = await find(sql, experiments, {
    columns: qualified("experiments", experimentColumns),
    where: [
      { text: "experiments.workspace = 'default'", values: [] },
      ofLifecycle("experiments", viewType),
      ...toClauses(sql, experiments, parseFilter(filter, experimentSchema)),
    ],
    orders: toOrders(sql, experiments, parseOrderBy(orderBy, experimentSchema)),
    page,
  });
  return assemblePage(rows, page, (found) => toExperiments(sql, found));
}

/** Finds logged models. */
export async function searchLoggedModels(
  sql: Sql,
  input: SearchLoggedModelsInput,
): Promise<PagedList<LoggedModel>> {
  const { experimentIds, filter, datasets = [], orderBy } = input;
  const metrics = metricsOfModels(datasets);
  const searched = loggedModels(metrics);
  const comparisons = parseFilter(filter, loggedModelSchema);
  const where = [
    { text: "logged_models.lifecycle_stage = 'active'", values: [] },
    oneOf("logged_models.experiment_id", experimentIds.map(experimentKey)),
    ...toClauses(sql, searched, comparisons),
  ];
  if (datasets.length > 0 && !comparisons.some(({ kind }) => kind === "metric")) {
    const { text, values } = metrics;
    where.push({ text: `logged_models.model_id IN (SELECT entry.model_id FROM ${text} AS entry)`, values });
  }
  const page = readPage(input, loggedModelSchema, [experimentIds, datasets]);
  const orders = readModelOrders(orderBy, loggedModelSchema).map((order, i) => {
    const metric = order.kind === "metric" ? latestMetricOfModels(order.key, order) : metrics;
    return toOrder(sql.dialect, loggedModels(metric), order, `order_${i}`);
  });
  const rows = await find(sql, searched, {
    columns: qualified("logged_models", loggedModelColumns),
    where,
    orders,
    page,
  });
  return assemblePage(rows, page, (found) => toLoggedModels(sql, found));
}

/** Finds registered models; prompts, which MLflow keeps in the same table, only when the filter asks for them. */
export async function searchRegisteredModels(
  sql: Sql,
  input: SearchInput,
): Promise<PagedList<RegisteredModel>> {
  const page = readPage(input, registeredModelSchema);
  const rows = await find(sql, registeredModels, {
    columns: qualified("registered_models", registeredModelColumns),
    where: [
      { text: "registered_models.workspace = 'default'", values: [] },
      ...ofRegistry(sql, registeredModels, parseFilter(input.filter, registeredModelSchema)),
    ],
    orders: toOrders(sql, registeredModels, parseOrderBy(input.orderBy, registeredModelSchema)),
    page,
  });
  return assemblePage(rows, page, (found) => toRegisteredModels(sql, found));
}

/** Finds versions of registered models; those of prompts only when the filter asks for them. */
export async function searchModelVersions(sql: Sql, input: SearchInput): Promise<PagedList<ModelVersion>> {
  const page = readPage(input, modelVersionSchema);
  const rows = await find(sql, modelVersions, {
    columns: qualified("model_versions", modelVersionColumns),
    where: [
      { text: "model_versions.workspace = 'default'", values: [] },
      { text: `model_versions.current_stage <> '${deletedStage}'`, values: [] },
      ...ofRegistry(sql, modelVersions, parseFilter(input.filter, modelVersionSchema)),
    ],
    orders: toOrders(sql, modelVersions, parseOrderBy(input.orderBy, modelVersionSchema)),
    page,
  });
  return assemblePage(rows, page, (found) => toModelVersions(sql, found));
}

interface Query {
  columns: string;
  where: readonly Fragment[];
  orders: readonly SqlOrder[];
  page: Page;
}

/** Returns the rows of a page, and one more where there is a next page. */
function find(sql: Sql, { table }: Searched, { columns, where, orders, page }: Query): Promise<SqlRow[]> {
  const joins = orders.map(({ join }) => join);
  return sql.all(
    `SELECT ${columns} FROM ${table}${joins.map(({ text }) => text).join("")} ` +
      `WHERE ${where.map(({ text }) => text).join(" AND ")} ` +
      `ORDER BY ${orders.flatMap(({ terms }) => terms).join(", ")} LIMIT ? OFFSET ?`,
    ...joins.flatMap(({ values }) => values),
    ...where.flatMap(({ values }) => values),
    page.size + 1,
    page.offset,
  );
}

async function assemblePage<T>(
  rows: SqlRow[],
  page: Page,
  assemble: (rows: SqlRow[]) => Promise<T[]>,
): Promise<PagedList<T>> {
  const list = toPagedList(rows, page);
  const { token } = list;
  return pagedList(await assemble(list), token);
}

function toClauses(sql: Sql, searched: Searched, comparisons: readonly Comparison[]): Fragment[] {
  return comparisons.map((comparison) => toClause(sql.dialect, searched, comparison));
}

function toOrders(sql: Sql, searched: Searched, orders: readonly Order[]): SqlOrder[] {
  return orders.map((order, i) => toOrder(sql.dialect, searched, order, `order_${i}`));
}

function ofLifecycle(table: string, viewType?: ViewType): Fragment {
  return oneOf(`${table}.lifecycle_stage`, stagesOfView(viewType));
}

/** Says that a run used a data set; the context is a tag of the use. */
function usesDataset(sql: Sql, comparison: Comparison): Fragment {
  const isContext = comparison.key === "context";
  const { text, values } = compare(sql.dialect, isContext ? "t.value" : `d.${comparison.key}`, comparison);
  const tags = isContext
    ? ` JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = '${datasetContextTag}'`
    : "";
  return {
    text:
      `EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id${tags} ` +
      `WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = runs.run_uuid AND ${text})`,
    values,
  };
}

/** Writes the comparisons of models or versions, of which prompts are none unless a comparison asks for them. */
function ofRegistry(sql: Sql, searched: Searched, comparisons: readonly Comparison[]): Fragment[] {
  const { asksForPrompts, comparisons: others } = splitPromptSearch(comparisons);
  if (asksForPrompts) return toClauses(sql, searched, others);
  const { table } = searched;
  const isNoPrompt =
    `NOT EXISTS (SELECT 1 FROM ${table === "model_versions" ? "model_version_tags" : "registered_model_tags"} p ` +
    `WHERE p.workspace = ${table}.workspace AND p.name = ${table}.name AND p."key" = '${promptTag}' AND ` +
    "p.value = 'true')";
  return [...toClauses(sql, searched, others), { text: isNoPrompt, values: [] }];
}

function qualified(table: string, columns: string): string {
  return columns
    .split(", ")
    .map((column) =>
      column === experimentIdText
        ? `CAST(${table}.experiment_id AS TEXT) AS experiment_id`
        : `${table}.${column}`,
    )
    .join(", ");
}
