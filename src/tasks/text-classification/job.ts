// What the steps of a text classifier's training share.
import type { TextData, TextLoader } from "../../data/index.ts";
import type { TrainingJob } from "../job.ts";
import type { TrackedRun } from "../tracked-run.ts";
import type { TextClassifier } from "./classifier.ts";

/** A training whose data is read, whose model is built and whose run is open. */
export interface TextJob extends TrainingJob {
  data: TextData;
  classifier: TextClassifier;
  /** Of the training data. */
  loader: TextLoader;
  tracked: TrackedRun;
}
