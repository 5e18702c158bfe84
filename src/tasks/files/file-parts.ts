// The parts of a data set that is named by its files: read whole, or streamed. What rows become is the module's matter.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { packageFolder, sha256File, snakeCase } from "../../base/index.ts";
import { dataFileProblems } from "../../config/index.ts";
import type { BaseDataModule, DataModuleConfig, DataStage, Parts } from "../../contracts/index.ts";
import {
  FileStream,
  LabelMap,
  MixedStream,
  StreamLoader,
  cellOf,
  stratifiedSplit,
} from "../../data/index.ts";
import type { RowStream, StoppingStrategy, StreamRow } from "../../data/index.ts";
import { scope, utils } from "../../torch/index.ts";
import { dataModuleOptions } from "../data-options.ts";

/** Options of data modules that read files. */
export interface FileDataConfig extends DataModuleConfig {
  /** CSV, TSV, JSONL, Parquet or Arrow files; a path that is not there is looked for among those that come with Sconce. */
  train: string | readonly string[];
  validation?: string | readonly string[];
  test?: string | readonly string[];
  /** Names of the classes, in the order of their numbers. @default those of the training files, sorted */
  classes?: readonly string[];
  /** Reads the files piece by piece in place of whole. @default false */
  streaming?: boolean;
  /** Rows that are shuffled among each other when streaming. @default 10000 */
  bufferRows?: number;
  /** Shares of the training files when streaming, one a file. @default as many rows of each as there are */
  weights?: readonly number[];
  /** When an epoch of weighted files ends. @default "first_exhausted" */
  stopping?: StoppingStrategy;
  /** The same for the validation files, of which each validation reads the same rows in the same order. */
  validationWeights?: readonly number[];
  validationStopping?: StoppingStrategy;
  /** The same for the test files. */
  testWeights?: readonly number[];
  testStopping?: StoppingStrategy;
  /** Share of the training rows to validate on, where there is no validation file and nothing is streamed. @default 0.1 */
  validationRatio?: number;
}

const files = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

const weights = z.array(z.number().positive()).min(1).exactOptional();
const stopping = z.enum(["first_exhausted", "all_exhausted"]).exactOptional();

/** The options that mix the files of a part. */
const mixOptions = {
  train: { weights: "weights", stopping: "stopping", what: "training" },
  validation: { weights: "validationWeights", stopping: "validationStopping", what: "validation" },
  test: { weights: "testWeights", stopping: "testStopping", what: "test" },
} as const;

/** How the schemas of such modules check their options. */
export const fileDataOptions = {
  ...dataModuleOptions,
  train: files,
  validation: files.exactOptional(),
  test: files.exactOptional(),
  classes: z.array(z.string()).min(2).exactOptional(),
  streaming: z.boolean().exactOptional(),
  bufferRows: z.int().min(1).exactOptional(),
  weights,
  stopping,
  validationWeights: weights,
  validationStopping: stopping,
  testWeights: weights,
  testStopping: stopping,
  validationRatio: z.number().min(0).lt(1).exactOptional(),
};

/** Checks that the files of a config are there and have its columns; `columns` are listed by the option that names them. */
export function checkFiles(
  config: FileDataConfig,
  columns: Readonly<Record<string, readonly string[]>>,
  { addIssue }: { addIssue(issue: { code: "custom"; path: string[]; message: string }): void },
): void {
  const report = (path: string, message: string) => addIssue({ code: "custom", path: [path], message });
  if (config.streaming === true && config.sampler !== undefined)
    report("sampler", "it chooses rows in any order, which a stream cannot give. Delete it, or streaming");
  for (const part of ["train", "validation", "test"] as const) {
    const { weights, stopping, what } = mixOptions[part];
    const numFiles = [config[part] ?? []].flat().length;
    if (config[weights] !== undefined && (config.streaming !== true || config[weights].length !== numFiles))
      report(weights, `weights go with streaming, one for each of ${numFiles} ${what} files`);
    if (config[stopping] !== undefined && config[weights] === undefined)
      report(stopping, `it goes with ${snakeCase(weights)}`);
    for (const name of [config[part] ?? []].flat()) {
      for (const { option = part, message } of dataFileProblems({ name, path: findFile(name), columns }))
        report(option, message.replace(/\.$/u, "")); // it is put behind
    }
  }
}

/** Finds a file below the current folder, else among those that come with the package's configs. */
function findFile(name: string): string {
  if (isAbsolute(name) || existsSync(name)) return name;
  const shipped = join(packageFolder ?? ".", "conf", "dataset", name);
  return existsSync(shipped) ? shipped : name;
}

/** Says what rows become. */
export interface RowContent<T> {
  columns: readonly string[];
  labelColumn: string;
  /** Makes examples of rows and the numbers of their classes. */
  prepare(rows: readonly StreamRow[], labels: Int32Array): T[] | Promise<T[]>;
}

type PartName = "train" | "val" | "test";

/** Reads the parts of a config's files. */
export class FileParts<T> {
  readonly #config: FileDataConfig;
  readonly #content: RowContent<T>;
  #labels: LabelMap | undefined;

  constructor(config: FileDataConfig, content: RowContent<T>) {
    this.#config = config;
    this.#content = content;
  }

  /** Fills the parts of a data module with what a stage needs, or its loaders where that is streamed. */
  async fill(data: BaseDataModule<T>, stage: DataStage): Promise<void> {
    if (this.#config.streaming !== true) data.parts = { ...data.parts, ...(await this.#read(stage)) };
    else data.loaders = { ...data.loaders, ...(await this.#stream(stage, (rows) => data.collate(rows))) };
  }

  /** Reads what a stage needs into memory. */
  async #read(stage: DataStage): Promise<Parts<T>> {
    const { validation, validationRatio = 0.1, seed = 42, test } = this.#config;
    if (stage === "test" || stage === "predict") {
      const examples = test === undefined ? undefined : await this.#readWhole(test);
      return examples === undefined ? {} : { [stage]: datasetOf(examples.examples) };
    }
    const { examples, labels } = await this.#readWhole(this.#config.train);
    const train = datasetOf(examples);
    if (validation !== undefined)
      return { train, val: datasetOf((await this.#readWhole(validation)).examples) };
    if (validationRatio === 0) return { train };
    const split = stratifiedSplit(labels, {
      ratio: validationRatio,
      seed,
      names: (await this.labels()).names,
    });
    return {
      train: new utils.data.Subset(train, split.train),
      val: new utils.data.Subset(train, split.heldOut),
    };
  }

  /** Opens what a stage needs as streams of batches. */
  async #stream(
    stage: DataStage,
    collate: (examples: T[]) => unknown,
  ): Promise<Partial<Record<PartName, StreamLoader<T[], unknown>>>> {
    const {
      validation,
      test,
      batchSize = 32,
      evalBatchSize = 2 * batchSize,
      dropLast = false,
    } = this.#config;
    await this.labels();
    const loader = (stream: RowStream, size: number, options: { dropLast?: boolean } = {}) =>
      new StreamLoader<T[], unknown>(stream, {
        batchSize: size,
        ...options,
        prepare: (rows) => this.#prepare(rows),
        collate: (examples) => scope(() => collate(examples)),
      });
    if (stage === "test" || stage === "predict")
      return test === undefined ? {} : { test: loader(await this.#openMixed("test"), evalBatchSize) };
    return {
      train: loader(await this.#openMixed("train"), batchSize, { dropLast }),
      ...(validation !== undefined && { val: loader(await this.#openMixed("validation"), evalBatchSize) }),
    };
  }

  /** Identifies the content of the training and validation files, and what the order of their rows follows from. */
  async fingerprint(): Promise<string> {
    const { train, validation = [], classes, validationRatio, seed, dropLast } = this.#config;
    const { streaming, bufferRows, weights, stopping, validationWeights, validationStopping } = this.#config;
    const { columns, labelColumn } = this.#content;
    const hashesOf = (names: string | readonly string[]): Promise<string[]> =>
      Promise.all([names].flat().map((name) => sha256File(findFile(name))));
    const order = { classes, validationRatio, seed, dropLast, streaming, bufferRows };
    const mixtures = { weights, stopping, validationWeights, validationStopping };
    const content = [
      await hashesOf(train),
      await hashesOf(validation),
      columns,
      labelColumn,
      order,
      mixtures,
    ];
    return createHash("sha256").update(JSON.stringify(content)).digest("hex");
  }

  /** Returns the classes: those of the config, else all that stand in the training files. */
  async labels(): Promise<LabelMap> {
    const { classes, train } = this.#config;
    if (this.#labels !== undefined) return this.#labels;
    if (classes !== undefined) return (this.#labels = new LabelMap(classes));
    const { labelColumn } = this.#content;
    const stream = await FileStream.open([train].flat().map(findFile), { columns: [labelColumn] });
    const found = new Set<string>();
    for await (const { cells } of stream.read(0)) found.add(cellOf(cells[labelColumn]));
    return (this.#labels = LabelMap.fromLabels(found));
  }

  #open(
    paths: string | readonly string[],
    options: { shuffle?: boolean; bufferRows?: number; seed?: number } = {},
  ): Promise<FileStream> {
    const { columns, labelColumn } = this.#content;
    return FileStream.open([paths].flat().map(findFile), {
      columns: [...new Set([...columns, labelColumn])],
      ...options,
    });
  }

  /** Opens the files of a part, mixed where they have weights: those of training shuffled, the others in their order. */
  async #openMixed(part: keyof typeof mixOptions): Promise<RowStream> {
    const { bufferRows = 10_000, seed = 42 } = this.#config;
    const { [mixOptions[part].weights]: weights, [mixOptions[part].stopping]: stopping = "first_exhausted" } =
      this.#config;
    const options = part === "train" ? { shuffle: true, bufferRows, seed } : {};
    const paths = [this.#config[part]!].flat();
    if (weights === undefined) return this.#open(paths, options);
    const sources = await Promise.all(paths.map((path) => this.#open(path, options)));
    const mixed = new MixedStream(sources, { weights, stopping, seed });
    return part === "train" ? mixed : sameEachEpoch(mixed);
  }

  async #readWhole(paths: string | readonly string[]): Promise<{ examples: T[]; labels: Int32Array }> {
    await this.labels();
    const rows: StreamRow[] = [];
    for await (const row of (await this.#open(paths)).read(0)) rows.push(row);
    return { examples: await this.#prepare(rows), labels: this.#classesOf(rows) };
  }

  async #prepare(rows: readonly StreamRow[]): Promise<T[]> {
    return this.#content.prepare(rows, this.#classesOf(rows));
  }

  #classesOf(rows: readonly StreamRow[]): Int32Array {
    const cells = rows.map((row) => cellOf(row.cells[this.#content.labelColumn]));
    return this.#labels!.encode(cells, (row) => rows[row]!.place);
  }
}

/** Is judged by the same rows in the same order each time. */
function sameEachEpoch(stream: RowStream): RowStream {
  return { length: stream.length, read: (_epoch, start) => stream.read(0, start) };
}

function datasetOf<T>(examples: readonly T[]): utils.data.Dataset<T> {
  return { length: examples.length, get: (index) => examples[index]! };
}
