// Fine-tunes a BERT from a use case's config. Each step of the way is a file in text-classification/; what all kinds
// of training share is beside this one.
import type { ProgressListener } from "../base/index.ts";
import { silent } from "../base/index.ts";
import { loadUseCase } from "../config/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../config/index.ts";
import type { ClassificationEvaluation } from "../metrics/index.ts";
import { getNumThreads, manualSeed } from "../torch/index.ts";
import type { Callback } from "../trainer/index.ts";
import { beginJob, recordFailure, recordStart } from "./job.ts";
import type { Recording } from "./job.ts";
import { buildModel } from "./text-classification/build-model.ts";
import { TextClassifier } from "./text-classification/classifier.ts";
import type { Prediction, ScoreOptions } from "./text-classification/classifier.ts";
import { loadDataset } from "./text-classification/dataset.ts";
import { evaluateFile } from "./text-classification/evaluate-file.ts";
import { fitClassifier } from "./text-classification/fit.ts";
import type { TextJob } from "./text-classification/job.ts";
import { judge } from "./text-classification/judge.ts";
import { trainResult } from "./text-classification/result.ts";
import type { TrainResult } from "./text-classification/result.ts";
import { storeResults } from "./text-classification/store-results.ts";
import { closeRun, openRun } from "./tracked-run.ts";
import type { TrackedRun } from "./tracked-run.ts";

/** Says what goes along with a training beside its config. */
export interface BertTrainerOptions {
  /** Hydra-style `a.b=value` changes to the config. */
  overrides?: readonly string[];
  progress?: ProgressListener;
  /** Looks on while the model trains. */
  callbacks?: readonly Callback[];
  /** Records the training elsewhere than the config says. */
  recording?: Recording | undefined;
}

/** Says whether a training begins or goes on. */
export interface TrainOptions {
  /** `last`, or the path of a run or checkpoint to go on from. */
  resume?: string | undefined;
}

/**
 * Fine-tunes a BERT as a use case's config says, and judges, stores and tracks what came of it.
 *
 * @example
 * const trainer = await BertTrainerTorch.fromFile("use_cases/spam/Configurations/config.json");
 * const { metrics } = await trainer.train();
 * await trainer.predict(["You won a prize!"]);
 */
export class BertTrainerTorch {
  readonly config: UseCaseConfig;
  readonly resolved: ResolvedUseCase;
  /** The config's file. */
  readonly source: string;
  readonly #progress: ProgressListener;
  readonly #callbacks: readonly Callback[];
  readonly #recording: Recording | undefined;
  #classifier: TextClassifier | undefined;

  /** Takes a config that `loadUseCase` has checked; `source` is its file. */
  constructor(
    checked: { config: UseCaseConfig; resolved: ResolvedUseCase; source: string },
    { progress = silent, callbacks = [], recording }: BertTrainerOptions = {},
  ) {
    this.#recording = recording;
    this.config = checked.config;
    this.resolved = checked.resolved;
    this.source = checked.source;
    this.#progress = progress;
    this.#callbacks = callbacks;
  }

  /** Reads and checks a config file; any mistake in it throws a `ConfigError` with all of them. */
  static async fromFile(path: string, options: BertTrainerOptions = {}): Promise<BertTrainerTorch> {
    return new BertTrainerTorch({ ...(await loadUseCase(path, options.overrides)), source: path }, options);
  }

  /** Runs the whole job: fit, test, log, store, compare with the champion, register. */
  async train({ resume }: TrainOptions = {}): Promise<TrainResult> {
    const startedAt = performance.now();
    const { config, resolved, source } = this;
    const progress = this.#progress;
    getNumThreads(); // loads libtorch: where that fails nothing has been read or made
    const data = await loadDataset(config, resolved, progress);
    const begun = await beginJob({
      config,
      resolved,
      source,
      progress,
      dataHash: data.hash,
      resume,
      recording: this.#recording,
    });
    let tracked: TrackedRun | undefined;
    try {
      manualSeed(config.seed);
      const { classifier, loader } = await buildModel(begun, data);
      tracked = await openRun(begun, data);
      await recordStart(begun, tracked.run.runId);
      const job: TextJob = { ...begun, data, classifier, loader, tracked };

      const fitted = await fitClassifier(job, this.#callbacks);
      this.#classifier = classifier;
      const judged = await judge(job, fitted.steps);
      classifier.save(job.folder.path);
      const stored = await storeResults(job, judged, fitted.steps);

      const result = trainResult(job, { fitted, judged, stored, startedAt });
      await closeRun(tracked, "FINISHED");
      return result;
    } catch (error) {
      await recordFailure(error, begun, tracked);
      throw error;
    } finally {
      begun.release();
    }
  }

  /**
   * Evaluates the trained model on a labelled file, by default the config's test file; or `model`, a folder or a URI
   * in the config's tracking store, `runs:/RUN_ID/model` or `models:/NAME@ALIAS`.
   */
  async evaluate({ data, model }: { data?: string; model?: string } = {}): Promise<ClassificationEvaluation> {
    const classifier =
      model === undefined
        ? await this.#trained()
        : await TextClassifier.fromPretrained(model, { trackingUri: this.resolved.trackingUri });
    const { dataset } = this.config;
    return evaluateFile(classifier, {
      path: data ?? this.resolved.test ?? this.resolved.train,
      textColumn: dataset.text_column,
      pairColumn: dataset.text_pair_column,
      labelColumn: dataset.label_column,
      delimiter: dataset.delimiter,
      batchSize: dataset.eval_batch_size,
    });
  }

  /** Labels texts with the trained model. */
  async predict(
    texts: readonly string[],
    options: ScoreOptions & { pairs?: readonly string[] } = {},
  ): Promise<Prediction[]> {
    return (await this.#trained()).predict(texts, options);
  }

  async #trained(): Promise<TextClassifier> {
    // without a model of this process, the experiment's champion
    this.#classifier ??= await TextClassifier.fromPretrained(this.resolved.outputs.optimumModel);
    return this.#classifier;
  }
}
