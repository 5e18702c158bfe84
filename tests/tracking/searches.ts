// Some 250 searches, and a store's content for which they find something, for comparing stores with each other.
import type { RegistryStore, TrackingStore } from "sconce/tracking";

type Store = TrackingStore & RegistryStore;

/** Is one search, and what it found: names in order, or "refused". */
export interface Search {
  what: "runs" | "experiments" | "registeredModels" | "modelVersions" | "loggedModels";
  filter?: string;
  orderBy?: string[];
}

/** Searches a store, and says what it found: names in order, or "refused". */
export async function find(store: Store, { what, filter, orderBy }: Search): Promise<string[] | "refused"> {
  const terms = { ...(filter !== undefined && { filter }), ...(orderBy !== undefined && { orderBy }) };
  const found = async (): Promise<string[]> => {
    switch (what) {
      case "runs":
        return (await store.searchRuns(terms)).map(({ info }) => info.runName);
      case "experiments":
        return (await store.searchExperiments(terms)).map(({ name }) => name);
      case "registeredModels":
        return (await store.searchRegisteredModels(terms)).map(({ name }) => name);
      case "modelVersions":
        return (await store.searchModelVersions(terms)).map(({ name, version }) => `${name} ${version}`);
      case "loggedModels": {
        const experiments = await store.searchExperiments({ filter: "name != 'Default'" });
        const order = orderBy?.map((term) => ({
          fieldName: term.replace(/ (ASC|DESC)$/, ""),
          ascending: term.endsWith("ASC"),
        }));
        const models = await store.searchLoggedModels({
          experimentIds: experiments.map(({ experimentId }) => experimentId),
          ...(filter !== undefined && { filter }),
          ...(order !== undefined && { orderBy: order }),
        });
        return models.map(({ name }) => name);
      }
    }
  };
  try {
    return await found();
  } catch (error) {
    if ((error as { code?: string }).code !== "INVALID_PARAMETER_VALUE") throw error;
    return "refused";
  }
}

/** Fills a store with runs whose values differ in kind and case, are missing, NaN or infinite. */
export async function fill(store: Store): Promise<void> {
  const words = ["bert", "BERT", "Bert-large", "a%b", "a_b", "it's", "", "10", "9"];
  const values = [0, 1, -1, 0.5, 1e-9, 1e12, NaN, Infinity, -Infinity];
  for (const [e, name] of ["spam/First", "spam/second", "other"].entries()) {
    const experimentId = await store.createExperiment({
      name,
      ...(e < 2 && { tags: { team: ["mail", "Mail"][e]! } }),
    });
    for (let i = 0; i < 9; i++) {
      const run = await store.createRun({
        experimentId,
        runName: `run ${e}${"abcdefghi"[i]}`,
        userId: i % 2 === 0 ? "ann" : "Ann",
        startTime: 100 * ((i * 5) % 9) + e,
      });
      const { runId } = run.info;
      await store.logBatch({
        runId,
        metrics: [
          ...(i % 4 === 3 ? [] : [{ key: "loss", value: values[(i + e) % 9]!, timestamp: 5, step: 1 }]),
          { key: "val/f1 score", value: i / 8, timestamp: 5, step: e },
        ],
        params: i % 5 === 4 ? [] : [{ key: "model", value: words[(i + 2 * e) % 9]! }],
        tags: i % 3 === 2 ? [] : [{ key: "note.a", value: words[(2 * i + e) % 9]! }],
      });
      if (i % 2 === 0) {
        const dataset = {
          name: i % 4 === 0 ? "train" : "Test",
          digest: `d${e}`,
          sourceType: "local",
          source: "{}",
        };
        await store.logInputs(runId, [
          { dataset, tags: i < 6 ? { "mlflow.data.context": i === 0 ? "training" : "testing" } : {} },
        ]);
      }
      if (i % 3 === 0) await store.updateRun({ runId, status: "FINISHED", endTime: 1000 + i });
      if (i === 7) await store.deleteRun(runId);
      if (i < 3) {
        const model = await store.createLoggedModel({
          experimentId,
          name: `model ${e}${i}`,
          sourceRunId: runId,
          ...(i > 0 && { modelType: ["onnx", "Onnx"][i - 1]! }),
          tags: { stage: words[i]! },
          params: { lr: String(i) },
        });
        await store.logBatch({
          runId,
          metrics: [0.5, 0.25].map((value, step) => ({
            key: "acc",
            value: value + i / 10 + e / 100,
            timestamp: 10 + step,
            step,
            modelId: model.modelId,
          })),
        });
        await nextMillisecond();
      }
    }
    await nextMillisecond();
  }
  for (const [i, name] of ["spam", "Spam 2", "ham"].entries()) {
    await store.createRegisteredModel({ name, ...(i < 2 && { tags: { team: ["mail", "Mail"][i]! } }) });
    for (let version = 1; version <= 3; version++) {
      await nextMillisecond();
      await store.createModelVersion({
        name,
        source: `s3://models/${name}/${version}`,
        runId: `run${version}`,
        ...(version < 3 && { tags: { f1: String(version) } }),
      });
    }
    await nextMillisecond();
  }
  await store.deleteModelVersion("ham", 2);
}

/** Returns the searches, good and bad ones. */
export function searches(): Search[] {
  const of = (what: Search["what"], filters: string[], orders: string[][]): Search[] => [
    { what },
    ...filters.map((filter) => ({ what, filter })),
    ...orders.map((orderBy) => ({ what, orderBy })),
  ];
  const text = (name: string) => [
    ...["bert", "BERT", "", "10", "missing"].flatMap((word) => [
      `${name} = '${word}'`,
      `${name} != '${word}'`,
    ]),
    `${name} = "it's"`,
    ...["bert%", "%ER%", "b_rt", "a%b", "a_b", "%", "_", "", "%'s"].flatMap((pattern) => [
      `${name} LIKE "${pattern}"`,
      `${name} ILIKE "${pattern}"`,
    ]),
  ];
  const numeric = (name: string, values: string[]) =>
    values.flatMap((value) => ["=", "!=", "<", "<=", ">", ">="].map((sign) => `${name} ${sign} ${value}`));
  return [
    ...of(
      "runs",
      [
        ...numeric("metrics.loss", ["0", "0.5", "-1", "1e12", "1.7976931348623157e308"]),
        ...numeric("metrics.`val/f1 score`", ["0.5"]),
        ...numeric("attributes.start_time", ["100", "301"]),
        ...numeric("end_time", ["1003"]),
        ...text("params.model"),
        ...text("tags.`note.a`"),
        ...["params.model", "tags.`note.a`", "tags.unknown"].flatMap((name) => [
          `${name} IS NULL`,
          `${name} IS NOT NULL`,
        ]),
        "attributes.status = 'FINISHED'",
        "status != 'FINISHED'",
        "attribute.user_id = 'ann'",
        "attr.user_id ILIKE 'ANN'",
        "user_id LIKE 'A%'",
        "run_name LIKE 'run 0%'",
        "attributes.`Run name` = 'run 1c'",
        "attributes.run_name != 'run 1c'",
        "attributes.created > 200",
        "artifact_uri LIKE '%/artifacts'",
        "dataset.name = 'train'",
        "dataset.name != 'train'",
        "datasets.name ILIKE 'T%'",
        "dataset.name IN ('train', 'x')",
        "dataset.name NOT IN ('train', 'x')",
        "dataset.digest = 'd1' AND dataset.context = 'testing'",
        "dataset.context != 'training'",
        "metrics.loss > 0 AND params.model LIKE '%b%' and tags.`note.a` != 'bert'",
        "metrics.loss < 'x'",
        "params.model = 1",
        "params.model > 'a'",
        "metrics.loss LIKE '1'",
        "status > 'A'",
        "nothing.x = '1'",
        "attributes.nothing = '1'",
        "params.model = 'a' OR params.model = 'b'",
        "run_id IN ('x')",
        "status IN ('RUNNING')",
      ],
      [
        ["metrics.loss ASC"],
        ["metrics.loss DESC"],
        ["metrics.loss"],
        ["metrics.`val/f1 score` DESC", "metrics.loss ASC"],
        ["params.model ASC"],
        ["params.model DESC"],
        ["tags.`note.a` ASC", "start_time ASC"],
        ["attributes.user_id ASC"],
        ["attributes.status DESC", "attributes.end_time DESC"],
        ["start_time ASC"],
        ["end_time DESC"],
        ["run_name DESC"],
        ["metrics.unknown ASC"],
        ["attributes.nothing ASC"],
        ["metrics.loss SIDEWAYS"],
      ],
    ),
    ...of(
      "experiments",
      [
        "name = 'other'",
        "name != 'other'",
        "name LIKE 'spam/%'",
        "name LIKE 'SPAM/%'",
        "attribute.name ILIKE 'SPAM/f%'",
        "tags.team = 'mail'",
        "tags.team != 'mail'",
        "tags.team LIKE 'm%'",
        "tags.team ILIKE 'm%'",
        "tags.team IS NULL",
        "tags.team IS NOT NULL",
        "experiment_id IN ('1', '3')",
        "experiment_id = '2'",
        "creation_time > 0",
        "last_update_time < 5",
        "tags.team > 'a'",
        "nothing = 'x'",
      ],
      [
        ["name ASC"],
        ["name DESC"],
        ["creation_time ASC"],
        ["experiment_id ASC"],
        ["experiment_id DESC"],
        ["tags.team"],
      ],
    ).filter(({ filter, orderBy }) => filter !== undefined || orderBy !== undefined),
    ...of(
      "registeredModels",
      [
        "name = 'spam'",
        "name != 'spam'",
        "name LIKE 'sp%'",
        "name ILIKE 'sp%'",
        "name IN ('spam', 'ham')",
        "name NOT IN ('spam', 'ham')",
        "tags.team = 'mail'",
        "tags.team != 'mail'",
        "tags.team ILIKE 'MAIL' AND name != 'spam'",
        "tags.team IS NULL",
        "nothing = 'x'",
        "name > 'a'",
      ],
      [["name ASC"], ["name DESC"], ["last_updated_timestamp DESC"], ["timestamp ASC"], ["nothing ASC"]],
    ),
    ...of(
      "modelVersions",
      [
        "name = 'spam'",
        "name ILIKE 'sp%'",
        "name IN ('spam', 'ham')",
        "version_number > 1",
        "version_number = 3",
        "version_number != 3",
        "run_id = 'run1'",
        "run_id IN ('run1', 'run3')",
        "run_id NOT IN ('run1', 'run3')",
        "source_path LIKE '%/1'",
        "tags.f1 = '1'",
        "tags.f1 != '1'",
        "name = 'ham' AND tags.f1 LIKE '%'",
        "version_number > 'a'",
        "nothing = 'x'",
      ],
      [
        ["name DESC"],
        ["version_number ASC"],
        ["version_number DESC", "name ASC"],
        ["creation_timestamp ASC"],
        ["last_updated_timestamp ASC"],
        ["nothing ASC"],
      ],
    ),
    ...of(
      "loggedModels",
      [
        "name = 'model 01'",
        "name LIKE 'model 1%'",
        "name IN ('model 01', 'model 10')",
        "tags.stage = 'bert'",
        "tags.stage ILIKE 'bert'",
        "params.lr != '1'",
        "metrics.acc > 0.5",
        "metrics.acc >= 0.3 AND metrics.acc < 0.4",
        "model_type = 'onnx'",
        "model_type ILIKE 'ONNX'",
        "model_type != 'onnx'",
        "creation_timestamp > 0",
        "attributes.name = 'model 01'",
        "metrics.acc LIKE 'x'",
      ],
      [
        ["name ASC"],
        ["creation_timestamp ASC"],
        ["creation_timestamp DESC"],
        ["metrics.acc ASC"],
        ["metrics.acc DESC"],
        ["model_type ASC", "name DESC"],
        ["nothing ASC"],
      ],
    ),
  ];
}

async function nextMillisecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2));
}
