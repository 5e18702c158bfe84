// Filters and orders as MLflow's store reads and answers them; the golden file is written by
// tools/golden/tracking_search.py.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TrackingError } from "../../base/index.ts";
import { compareBy, matches, parseFilter, parseOrderBy, runSchema } from "./index.ts";
import type { Comparison, Order, Searchable } from "./index.ts";

interface GoldenRun {
  attributes: Record<string, string | number> & { run_name: string };
  metrics: Record<string, number | "NaN">;
  params: Record<string, string>;
  tags: Record<string, string>;
  datasets: Record<string, string>[];
}

type Answer = string[] | "refused";

const golden = JSON.parse(
  readFileSync(new URL("../../../tests/goldens/tracking/search.json", import.meta.url), "utf8"),
) as { runs: GoldenRun[]; filters: [string, Answer][]; orders: [string[], Answer][] };

const runs = golden.runs.map((run): Searchable & { name: string } => ({
  ...run,
  name: run.attributes.run_name.slice(-1),
  metric: (key) => (Object.hasOwn(run.metrics, key) ? Number(run.metrics[key]) : undefined),
}));

/** Finds runs in the default order; INVALID_PARAMETER_VALUE is a refusal, any other error fails the test. */
function answer(read: () => { comparisons: Comparison[]; orders: Order[] }): Answer {
  try {
    const { comparisons, orders } = read();
    return runs
      .filter((run) => matches(run, comparisons, runSchema))
      .sort(compareBy(orders))
      .map(({ name }) => name);
  } catch (error) {
    if (error instanceof TrackingError && error.code === "INVALID_PARAMETER_VALUE") return "refused";
    throw error;
  }
}

// MLflow's parser stumbles over these, which can mean but one thing
const filtersReadByUsAlone = [
  "metrics.loss >= +1",
  '"metrics".loss > 0',
  "metrics .loss > 0",
  "metrics.a/b > 0",
  "metrics.a-b > 0",
  /^tags\.(in|k:v) (LIKE '%'|IS NULL)$/,
  / is {2}not\tnull$/,
  " ",
];

const ordersReadByUsAlone = [
  "`Run name` ASC",
  "attributes.`run name`",
  " metrics.loss ASC ",
  "start_time DESC,start_time ASC",
];

// MLflow reads past these mistakes, each in its own way
const refusedByUsAlone = [
  "metrics. > 0",
  "metrics..loss > 0",
  /^dataset\.name (not )? ?in \('bert' 'x'\)$/i,
  /^dataset\.name (not )? ?in \(\('bert'\)\)$/i,
  "metrics.loss > -1 params.model LIKE '%b%'",
  "metrics.loss > -1 AND",
  "AND metrics.loss > -1",
  "metrics.loss > -1 AND AND params.model LIKE '%b%'",
  "AND",
];

// MLflow takes the space for a part of the name
const readOtherwise = ["metrics. loss > 0"];

function isIn(list: readonly (string | RegExp)[], asked: string): boolean {
  return list.some((each) => (typeof each === "string" ? each === asked : each.test(asked)));
}

function check(
  asked: string,
  [ours, theirs]: [Answer, Answer],
  readByUsAlone: readonly (string | RegExp)[],
): void {
  if (isIn(readByUsAlone, asked))
    expect([asked, theirs, ours]).toEqual([asked, "refused", expect.any(Array)]);
  else if (isIn(refusedByUsAlone, asked))
    expect([asked, theirs, ours]).toEqual([asked, expect.any(Array), "refused"]);
  else if (isIn(readOtherwise, asked)) expect([asked, ours]).not.toEqual([asked, theirs]);
  else expect([asked, ours]).toEqual([asked, theirs]);
}

test.each(golden.filters)("filter %j finds what MLflow finds", (filter, theirs) => {
  const ours = answer(() => ({
    comparisons: parseFilter(filter, runSchema),
    orders: parseOrderBy(undefined, runSchema),
  }));
  check(filter, [ours, theirs], filtersReadByUsAlone);
});

test.each(golden.orders)("order %j is MLflow's", (terms, theirs) => {
  const ours = answer(() => ({ comparisons: [], orders: parseOrderBy(terms, runSchema) }));
  check(terms.join(), [ours, theirs], ordersReadByUsAlone);
});

test("what we alone read means what its usual spelling means", () => {
  const find = (filter: string) =>
    answer(() => ({ comparisons: parseFilter(filter, runSchema), orders: parseOrderBy([], runSchema) }));
  for (const [filter, usual] of [
    ["metrics.loss >= +1", "metrics.loss >= 1"],
    ["metrics.a-b > 0", "metrics.`a-b` > 0"],
    ["tags.k:v LIKE '%'", "tags.`k:v` LIKE '%'"],
    ["tags.in IS NULL", "tags.`in` IS NULL"],
    ["params.model is  not\tnull", "params.model IS NOT NULL"],
    [" ", ""],
  ] as const) {
    expect([filter, find(filter)]).toEqual([filter, find(usual)]);
  }
});
