// Fine-tunes a BERT from a use case's config: data, model, training, evaluation, tracking, champion. The loop
// itself is in trainer/; each step here is one function away.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { DataError, TrainingError, logger, sconceVersion, writeFileAtomic } from "../base/index.ts";
import { configToYaml, loadUseCase, metricMode, bareMetricName } from "../config/index.ts";
import type { ResolvedUseCase, UseCaseConfig } from "../config/index.ts";
import { TextLoader, classWeights, countClasses } from "../data/index.ts";
import type { TextData } from "../data/index.ts";

import { evaluateClassification, softmax } from "../metrics/index.ts";
import type { ClassificationEvaluation } from "../metrics/index.ts";
import type { BertConfig } from "../models/index.ts";
import {
  dispose,
  loadSafetensors,
  manualSeed,
  setDetectAnomaly,
  threads,
  version as torchVersion,
} from "../torch/index.ts";
import { Throughput, catchSignals, fit, limitBatches } from "../trainer/index.ts";
import type { Callback, FitResult, Interrupt, Run } from "../trainer/index.ts";
import { fetchBaseModel } from "./base-model.ts";
import { readChampion } from "./champion.ts";
import type { ChampionDecision } from "./champion.ts";
import { silent } from "./progress.ts";
import type { ProgressListener } from "./progress.ts";
import { RunFolder, findResumable } from "./run-folder.ts";
import type { RunRecord } from "./run-folder.ts";
import { TextClassifier } from "./text-classification/classifier.ts";
import type { Prediction, ScoreOptions } from "./text-classification/classifier.ts";
import { firstRows, loadDataset } from "./text-classification/dataset.ts";
import type { Judgement } from "./text-classification/consider-champion.ts";
import { drawPlots, formatSummary } from "./text-classification/report.ts";
import { considerChampion } from "./text-classification/consider-champion.ts";
import { TextBatchSource, TextTraining } from "./text-classification/training.ts";
import { MetricHistory, closeRun, openRun } from "./tracked-run.ts";
import type { TrackedRun } from "./tracked-run.ts";

export interface BertTrainerOptions {
  /** Hydra-style `a.b=value` changes to the config. */
  overrides?: readonly string[];
  progress?: ProgressListener;
  /** Looks on while the model trains. */
  callbacks?: readonly Callback[];
}

export interface TrainOptions {
  /** `last`, or the path of a run or checkpoint to go on from. */
  resume?: string | undefined;
}

export interface TrainResult {
  /** Of the final evaluation, by bare name, and the last validation's by `val_*`. */
  metrics: Record<string, number>;
  evaluation: ClassificationEvaluation;
  runId: string;
  /** `runs:/ID/model`. */
  modelUri: string;
  /** Folder of the model, which is also the run's. */
  modelFolder: string;
  champion: ChampionDecision | undefined;
  steps: number;
  samplesPerSecond: number;
  /** What to print at the end. */
  summary: string;
}

/** Thrown when a signal ended the run before its end; everything was saved. */
export class InterruptedError extends TrainingError {
  /** 130 for SIGINT, 143 for SIGTERM. */
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
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
  readonly #source: string;
  readonly #options: BertTrainerOptions;
  #classifier: TextClassifier | undefined;

  /** Takes a config that `loadUseCase` has checked; `source` is its file. */
  constructor(
    checked: { config: UseCaseConfig; resolved: ResolvedUseCase; source: string },
    options: BertTrainerOptions = {},
  ) {
    this.config = checked.config;
    this.resolved = checked.resolved;
    this.#source = checked.source;
    this.#options = options;
  }

  /** Reads and checks a config file; any mistake in it throws a `ConfigError` with all of them. */
  static async fromFile(path: string, options: BertTrainerOptions = {}): Promise<BertTrainerTorch> {
    return new BertTrainerTorch({ ...(await loadUseCase(path, options.overrides)), source: path }, options);
  }

  /** Runs the whole job: fit, test, log, store, compare with the champion, register. */
  async train({ resume }: TrainOptions = {}): Promise<TrainResult> {
    const startedAt = performance.now();
    const { config, resolved } = this;
    const { progress = silent } = this.#options;
    const { outputs } = resolved;
    if (config.trainer.num_threads !== undefined) threads.set(config.trainer.num_threads);
    if (config.trainer.detect_anomaly) setDetectAnomaly(true);

    progress.start("reading data");
    const data = loadDataset(config, resolved);
    progress.end();
    const print = fingerprint(config, data.hash);
    const resumable =
      resume === undefined ? undefined : await findResumable(outputs.trainedModels, resume, print);
    readChampion(outputs.optimumModel); // a damaged one is better known now than after the training
    const folder = resumable?.folder ?? RunFolder.create(outputs.trainedModels);
    const lock = await folder.lock();
    const stopLog = folder.captureLog();
    const interrupt = catchSignals();
    let tracked: TrackedRun | undefined;
    try {
      manualSeed(config.seed);
      const { classifier, loader } = await this.#buildModel(data, progress);
      tracked = await openRun({
        config,
        resolved,
        folder,
        data,
        resumed: resumable !== undefined,
        versions: versions(),
      });
      const { run } = tracked;
      const record = {
        runId: run.runId,
        config: relative(resolved.location.projectRoot, resolve(this.#source)),
        fingerprint: print,
        dataHash: data.hash,
        versions: versions(),
        threads: threads.get(),
        startedAt: new Date().toISOString(),
      };
      folder.write({ ...record, status: "RUNNING" });
      writeFileAtomic(join(folder.path, "use_case.yaml"), await configToYaml(config));

      const history =
        resumable === undefined ? new MetricHistory() : await MetricHistory.ofRun(tracked.store, run.runId);
      const throughput = new Throughput();
      const fitted = await this.#fit({
        data,
        classifier,
        loader,
        folder,
        run,
        history,
        throughput,
        print,
        checkpoint: resumable?.checkpoint,
        progress,
        interrupt,
      });
      refuseToGoOn(interrupt, folder, fitted.steps);
      if (fitted.bestCheckpoint !== undefined) restoreWeights(classifier, fitted.bestCheckpoint);
      this.#classifier = classifier;

      const judged = await this.#judge(classifier, data, progress, () =>
        refuseToGoOn(interrupt, folder, fitted.steps),
      );
      classifier.save(folder.path);
      const result = await this.#store({
        judged,
        data,
        classifier,
        folder,
        tracked,
        history,
        throughput,
        fitted,
        startedAt,
        progress,
        record,
      });
      await closeRun(tracked, "FINISHED");
      return result;
    } catch (error) {
      await this.#recordFailure(error, folder, tracked);
      throw error;
    } finally {
      setDetectAnomaly(false);
      interrupt.release();
      stopLog();
      lock.release();
    }
  }

  /** Evaluates the trained model (or `model`, a folder) on a labelled file, by default the config's test file. */
  async evaluate({ data, model }: { data?: string; model?: string } = {}): Promise<ClassificationEvaluation> {
    const classifier = model === undefined ? this.#trained() : TextClassifier.fromPretrained(model);
    const { evaluateFile } = await import("./text-classification/evaluate-file.ts");
    const { dataset } = this.config;
    return evaluateFile(classifier, {
      path: data ?? this.resolved.test ?? this.resolved.train,
      textColumn: dataset.text_column,
      pairColumn: dataset.text_pair_column,
      labelColumn: dataset.label_column,
      batchSize: this.#evalBatchSize,
    });
  }

  /** Labels texts with the trained model. */
  predict(
    texts: readonly string[],
    options: ScoreOptions & { pairs?: readonly string[] } = {},
  ): Promise<Prediction[]> {
    return this.#trained().predict(texts, options);
  }

  get #evalBatchSize(): number {
    const { dataset } = this.config;
    return dataset.eval_batch_size ?? 2 * dataset.batch_size;
  }

  #trained(): TextClassifier {
    // without a model of this process, the experiment's champion
    this.#classifier ??= TextClassifier.fromPretrained(this.resolved.outputs.optimumModel);
    return this.#classifier;
  }

  async #buildModel(
    data: TextData,
    progress: ProgressListener,
  ): Promise<{ classifier: TextClassifier; loader: TextLoader }> {
    const { config, resolved } = this;
    const { dataset, model } = config;
    const base = await fetchBaseModel(resolved.baseModel, progress);
    progress.start("loading the model");
    const overrides: Partial<BertConfig> = {
      ...(model.dropout !== undefined && { hiddenDropoutProb: model.dropout }),
      ...(model.attention_dropout !== undefined && { attentionProbsDropoutProb: model.attention_dropout }),
      ...(model.classifier_dropout !== undefined && { classifierDropout: model.classifier_dropout }),
    };
    const precision = config.trainer.precision;
    const { classifier, report } = TextClassifier.fromBaseModel(base, data.labelMap, {
      maxLength: dataset.max_length,
      precision,
      overrides,
    });
    checkLength(dataset.max_length, classifier, base);
    if (report.newlyInitialized.length > 0)
      logger.info(`new weights, to be trained: ${report.newlyInitialized.join(", ")}`);
    freeze(classifier, model.freeze);
    const overfit = config.trainer.overfit_batches !== 0;
    const { texts, pairs, labels } = data.train;
    const loader = new TextLoader({
      texts,
      ...(pairs && { pairs }),
      labels,
      tokenizer: classifier.tokenizer,
      maxLength: dataset.max_length,
      batchSize: dataset.batch_size,
      seed: config.seed,
      shuffle: dataset.shuffle && !overfit,
      groupByLength: dataset.bucketing === "length" && !overfit,
    });
    loader.prefetch();
    progress.end();
    return { classifier, loader };
  }

  async #fit(job: FitJob): Promise<FitResult> {
    const { config } = this;
    const { trainer, dataset } = config;
    const { data, classifier, loader, folder, run, history, throughput, print, progress, interrupt } = job;
    const trainBatches = countTrainBatches(trainer, loader.numBatches);
    const validation =
      trainer.overfit_batches !== 0
        ? firstRows(data.train, trainBatches * dataset.batch_size)
        : data.validation;
    const task = new TextTraining({
      classifier,
      precision: trainer.precision,
      labelSmoothing: config.loss.label_smoothing,
      classWeights:
        dataset.class_weights === "none"
          ? undefined
          : classWeights(countClasses(data.train.labels, data.labelMap.numLabels), dataset.class_weights, {
              names: data.labelMap.names,
            }),
      validation: validation && { part: validation, batchSize: this.#evalBatchSize },
    });
    const source = new TextBatchSource(loader, {
      limit: trainBatches,
      weightOf: (labels) => task.weightOf(labels),
    });
    const metric = bareMetricName(config.champion.metric);
    return fit({
      config,
      task,
      source,
      validationBatches:
        validation === undefined ? 0 : Math.ceil(validation.labels.length / this.#evalBatchSize),
      checkpoints:
        trainer.enable_checkpointing && trainer.fast_dev_run === 0
          ? {
              dirpath: folder.checkpoints,
              fingerprint: print,
              monitor: `val_${metric}`,
              mode: config.champion.mode ?? metricMode(metric) ?? "max",
            }
          : undefined,
      resumeFrom: job.checkpoint,
      interrupt,
      callbacks: [
        throughput,
        ...(trainer.enable_progress_bar ? [progressCallback(progress, source.batchesPerEpoch)] : []),
        ...(this.#options.callbacks ?? []),
      ],
      onMetrics: (metrics, step) => {
        run.logMetrics(metrics, step);
        history.add(metrics, step);
      },
      // a store that fails does not end the training; it is told again when the run ends
      flushMetrics: () => run.flush().catch((error: Error) => logger.warn(error.message)),
    });
  }

  /** Scores the test data, or the validation data where there is none. */
  async #judge(
    classifier: TextClassifier,
    data: TextData,
    progress: ProgressListener,
    afterBatch: () => void,
  ): Promise<Judgement> {
    const { trainer, seed } = this.config;
    const [name, whole] =
      data.test !== undefined
        ? (["test", data.test] as const)
        : data.validation !== undefined
          ? (["validation", data.validation] as const)
          : (["training", data.train] as const);
    const batches = Math.ceil(whole.labels.length / this.#evalBatchSize);
    const limit =
      trainer.fast_dev_run > 0
        ? trainer.fast_dev_run
        : limitBatches("limit_test_batches", trainer.limit_test_batches, batches);
    const part = limit < batches ? firstRows(whole, limit * this.#evalBatchSize) : whole;
    progress.start(`evaluating on ${name} data`, part.labels.length);
    const logits = await classifier.logits(classifier.loader(part, this.#evalBatchSize), {
      onProgress(done) {
        progress.update(done);
        afterBatch();
      },
    });
    progress.end();
    const scores = softmax(logits, classifier.labels.numLabels);
    const evaluation = evaluateClassification({
      labels: part.labels,
      scores,
      classNames: classifier.labels.names,
      bootstrap: { seed },
    });
    return { name, part, scores, evaluation };
  }

  async #store(job: StoreJob): Promise<TrainResult> {
    const { config, resolved } = this;
    const {
      judged,
      data,
      classifier,
      folder,
      tracked,
      history,
      throughput,
      fitted,
      startedAt,
      progress,
      record,
    } = job;
    const { run, store } = tracked;
    const { evaluation, scores, part } = judged;
    const final = { loss: evaluation.metrics.log_loss, ...evaluation.metrics };
    const named = Object.fromEntries(Object.entries(final).map(([name, value]) => [`test_${name}`, value]));
    run.logMetrics({ ...final, ...(judged.name === "test" && named) }, fitted.steps);
    writeFileAtomic(
      join(folder.path, "metrics.json"),
      `${JSON.stringify({ metrics: final, intervals: evaluation.intervals, evaluatedOn: judged.name }, null, 2)}\n`,
    );

    progress.start("storing");
    for (const [name, svg] of Object.entries(drawPlots(history.points, evaluation, scores, part.labels))) {
      writeFileAtomic(join(folder.path, "plots", name), svg);
      run.logText(svg, `plots/${name}`);
    }
    const trial = config.trainer.fast_dev_run > 0 || config.trainer.overfit_batches !== 0;
    const decision = trial
      ? undefined
      : await considerChampion({
          config,
          resolved,
          classifier,
          folder,
          run,
          store,
          judged,
          dataHash: data.hash,
          batchSize: this.#evalBatchSize,
        });
    folder.write({ ...record, status: "FINISHED" });
    progress.end();

    const { samplesPerSecond } = throughput;
    return {
      metrics: { ...history.last(), ...final },
      evaluation,
      runId: run.runId,
      modelUri: `runs:/${run.runId}/model`,
      modelFolder: folder.path,
      champion: decision,
      steps: fitted.steps,
      samplesPerSecond,
      summary: formatSummary({
        evaluation,
        evaluatedOn: judged.name,
        sharedRows: data.sharedRows.test,
        decision,
        epochs: fitted.epochs,
        steps: fitted.steps,
        reason: fitted.reason,
        trainSeconds: fitted.seconds,
        totalSeconds: (performance.now() - startedAt) / 1000,
        samplesPerSecond,
        folders: {
          root: resolved.location.projectRoot,
          run: folder.path,
          champion: resolved.outputs.optimumModel,
          config: this.#source,
          trackingDatabase: resolved.trackingDatabase,
          plots: join(folder.path, "plots"),
        },
        runId: run.runId,
      }),
    };
  }

  async #recordFailure(error: unknown, folder: RunFolder, tracked: TrackedRun | undefined): Promise<void> {
    const status = error instanceof InterruptedError ? "KILLED" : "FAILED";
    const reason = error instanceof Error ? error.message : String(error);
    if (status === "FAILED") logger.debug(error instanceof Error ? (error.stack ?? reason) : reason);
    try {
      const record: RunRecord = folder.read();
      folder.write({ ...record, status });
    } catch {
      // it failed before there was a record
    }
    if (tracked === undefined) return;
    try {
      await closeRun(tracked, status, reason.slice(0, 4000));
    } catch (closing) {
      // the error that ended the run is the one to report
      logger.error(`the run could not be closed as ${status}: ${(closing as Error).message}`);
    }
  }
}

interface FitJob {
  data: TextData;
  classifier: TextClassifier;
  loader: TextLoader;
  folder: RunFolder;
  run: TrackedRun["run"];
  history: MetricHistory;
  throughput: Throughput;
  print: string;
  checkpoint: string | undefined;
  progress: ProgressListener;
  interrupt: Interrupt;
}

interface StoreJob extends Pick<
  FitJob,
  "data" | "classifier" | "folder" | "history" | "throughput" | "progress"
> {
  tracked: TrackedRun;
  judged: Judgement;
  fitted: FitResult;
  startedAt: number;
  record: Omit<RunRecord, "status">;
}

/** Identifies what must be equal for a checkpoint to fit: the data, and all that shapes weights and their course. */
function fingerprint(
  { seed, base_model, model, dataset, loss, optimizer, scheduler, trainer }: UseCaseConfig,
  dataHash: string,
): string {
  const {
    precision,
    accumulate_grad_batches,
    gradient_clip_val,
    gradient_clip_algorithm,
    limit_train_batches,
    overfit_batches,
  } = trainer;
  const shaping = {
    precision,
    accumulate_grad_batches,
    gradient_clip_val,
    gradient_clip_algorithm,
    limit_train_batches,
    overfit_batches,
  };
  const { eval_batch_size: _, train: __, test: ___, ...data } = dataset;
  return createHash("sha256")
    .update(JSON.stringify({ seed, base_model, model, data, loss, optimizer, scheduler, shaping, dataHash }))
    .digest("hex");
}

function versions(): Record<string, string> {
  return { sconce: sconceVersion, libtorch: torchVersion, node: process.versions.node };
}

/** Ends a run whose end a signal has asked for. */
function refuseToGoOn({ signal, exitCode }: Interrupt, folder: RunFolder, steps: number): void {
  if (signal === undefined) return;
  const saved = existsSync(folder.checkpoints)
    ? `everything is saved in ${folder.path}. Go on with: sconce train CONFIG --resume last`
    : "nothing is saved, as checkpoints are switched off.";
  throw new InterruptedError(`train: stopped by ${signal} after step ${steps}; ${saved}`, exitCode!);
}

function restoreWeights({ model }: TextClassifier, checkpoint: string): void {
  const weights = loadSafetensors(join(checkpoint, "model.safetensors"));
  model.loadStateDict(weights);
  dispose(weights);
}

function checkLength(maxLength: number, { model }: TextClassifier, folder: string): void {
  const limit = model.config.maxPositionEmbeddings;
  if (maxLength <= limit) return;
  throw new DataError(
    `dataset.max_length: ${folder} reads at most ${limit} tokens, got ${maxLength}. Set it to ${limit} or less.`,
  );
}

function countTrainBatches(trainer: UseCaseConfig["trainer"], available: number): number {
  const { fast_dev_run, overfit_batches, limit_train_batches } = trainer;
  if (fast_dev_run > 0) return Math.min(fast_dev_run, available);
  return overfit_batches !== 0
    ? limitBatches("overfit_batches", overfit_batches, available)
    : limitBatches("limit_train_batches", limit_train_batches, available);
}

function freeze({ model }: TextClassifier, part: "none" | "embeddings" | "encoder"): void {
  if (part !== "none") model.bert.embeddings.requiresGrad_(false);
  if (part === "encoder") model.bert.requiresGrad_(false);
}

/** Shows where training stands. */
function progressCallback(progress: ProgressListener, batchesPerEpoch: number): Callback {
  const phase = (epoch: number, of: number) => `epoch ${epoch + 1}${of === -1 ? "" : `/${of}`}`;
  let ofEpoch = -1;
  const begin = (run: Run) => {
    if (ofEpoch === run.state.epoch) return;
    if (ofEpoch !== -1) progress.end();
    ofEpoch = run.state.epoch;
    progress.start(phase(ofEpoch, run.config.maxEpochs), batchesPerEpoch);
  };
  return {
    name: "progress",
    onTrainEpochStart: begin,
    onTrainBatchEnd(run, { loss }) {
      if (run.state.batch === 0) return;
      begin(run);
      const { val_loss, val_f1, samples_per_second } = run.state.metrics;
      const shown = { loss, val_loss, val_f1, "samples/s": samples_per_second };
      progress.update(
        run.state.batch,
        Object.entries(shown)
          .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value.toPrecision(4)}`]))
          .join("  "),
      );
    },
    onTrainEnd: () => progress.end(),
  };
}
