// Saves the run when it fails.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../base/index.ts";
import { saveCheckpoint } from "../checkpoint.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Options by Lightning's names. */
export interface OnExceptionCheckpointConfig {
  /** @default where the run's other checkpoints are */
  dirpath?: string | undefined;
  /** @default "on_exception" */
  filename?: string;
}

/** Saves a checkpoint when an error ends the training; a later run that ends well removes it. */
export class OnExceptionCheckpoint implements Callback {
  readonly name = "on_exception_checkpoint";
  readonly #filename: string;
  #dirpath: string | undefined;

  constructor({ dirpath, filename = "on_exception" }: OnExceptionCheckpointConfig = {}) {
    if (filename === "" || /[/\\]/.test(filename)) {
      throw new UsageError(
        `on_exception_checkpoint: filename must be the name of a folder, got "${filename}". Leave it out for "on_exception".`,
      );
    }
    this.#dirpath = dirpath;
    this.#filename = filename;
  }

  /** Folder of the checkpoint; undefined before the run that it belongs to. */
  get ckptPath(): string | undefined {
    return this.#dirpath === undefined ? undefined : join(this.#dirpath, this.#filename);
  }

  setup({ checkpointFolder, stage }: Run): void {
    if (stage !== "fit") return;
    this.#dirpath ??= checkpointFolder;
    if (this.#dirpath !== undefined) return;
    throw new UsageError(`${this.name}: must know where to save, as the run has no folder. Set dirpath.`);
  }

  async onException(run: Run): Promise<void> {
    await run.flush();
    if (this.ckptPath !== undefined) await saveCheckpoint(run, this.ckptPath);
  }

  teardown(): void {
    if (this.ckptPath !== undefined) rmSync(this.ckptPath, { recursive: true, force: true });
  }
}
