// Artifacts on their way to a server: files of this machine, until they have been sent.
import { basename } from "node:path";
import { LocalArtifactRepository } from "../artifacts/local.ts";
import type { CopyOptions } from "../artifacts/local.ts";
import { localUri } from "../artifacts/uri.ts";

/** Takes artifacts as a local folder does, and tells of each file that is there to be sent. */
export class StagedArtifacts extends LocalArtifactRepository {
  readonly #onFile: (artifactPath: string) => void;

  constructor(folder: string, onFile: (artifactPath: string) => void) {
    super(localUri(folder));
    this.#onFile = onFile;
  }

  override writeFile(artifactPath: string, content: string | Uint8Array): void {
    super.writeFile(artifactPath, content);
    this.#onFile(artifactPath);
  }

  override logFile(file: string, artifactPath: string = basename(file), options: CopyOptions = {}): void {
    super.logFile(file, artifactPath, options);
    this.#onFile(artifactPath);
  }

  override logFolder(folder: string, artifactPath: string, options: CopyOptions = {}): void {
    super.logFolder(folder, artifactPath, options);
    for (const path of this.#filesIn(artifactPath)) this.#onFile(path);
  }

  #filesIn(artifactPath: string): string[] {
    return this.list(artifactPath).flatMap(({ path, isDirectory }) =>
      isDirectory ? this.#filesIn(path) : [path],
    );
  }
}
