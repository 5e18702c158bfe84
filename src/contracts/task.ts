// A task: what is done with a config as a whole, where that is not one training of its model on its data set.
import type { ProgressListener } from "../base/index.ts";

/** What a task is given. */
export interface TaskContext {
  /** The composed config, without `task`. */
  config: Record<string, unknown>;
  /** Folder from which relative paths, plugins and outputs go. */
  projectRoot: string;
  /** `last`, or the path of a checkpoint, where a run is to be gone on with. */
  resume?: string | undefined;
  progress?: ProgressListener | undefined;
}

/** What a training came to. */
export interface TaskResult {
  /** Of validation (`val_*`) and test. */
  metrics: Record<string, number>;
  runId: string;
  /** `runs:/ID/model`; undefined where no model was logged. */
  modelUri: string | undefined;
  /** Folder of the best checkpoint, or of the model. */
  checkpoint: string | undefined;
}

/** Is a way to train by a config, such as several times over; its options stand in the config's section `task`. */
export interface Task {
  train(context: TaskContext): Promise<TaskResult>;
}
