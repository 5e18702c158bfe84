// Saves the run when it fails.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../../base/index.ts";
import { saveCheckpoint } from "../checkpoint.ts";
import type { Run } from "../run.ts";
import type { Callback } from "./callback.ts";

/** Saves a checkpoint when an error ends the training; a later run that ends well removes it. */
export class OnExceptionCheckpoint implements Callback {
  readonly name = "on_exception_checkpoint";
  readonly #folder: string;

  constructor({ dirpath, filename = "on_exception" }: { dirpath: string; filename?: string }) {
    if (filename === "" || /[/\\]/.test(filename)) {
      throw new UsageError(
        `on_exception_checkpoint: filename must be the name of a folder, got "${filename}". Leave it out for "on_exception".`,
      );
    }
    this.#folder = join(dirpath, filename);
  }

  /** Folder of the checkpoint. */
  get ckptPath(): string {
    return this.#folder;
  }

  async onException(run: Run): Promise<void> {
    await run.flush();
    await saveCheckpoint(run, this.#folder);
  }

  teardown(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
