// A file that a reader has open: checked reads of a few bytes, and a mapping of all of it for the weights.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FileError } from "../../base/index.ts";
import { native } from "../native.ts";

/** Holds a file open from its header to the mapping of its weights, so that both are of the same file. */
export class OpenFile {
  readonly path: string;
  readonly size: number;
  readonly #fd: number;
  #mapping: number | undefined;

  private constructor(path: string, fd: number, size: number) {
    this.path = path;
    this.#fd = fd;
    this.size = size;
  }

  /** Opens a file, runs `use` and closes it; tensors made of its mapping keep their pages. */
  static use<T>(path: string, use: (file: OpenFile) => T): T {
    const file = OpenFile.open(path);
    try {
      return use(file);
    } finally {
      file.close();
    }
  }

  static open(path: string): OpenFile {
    const fd = openOrThrow(path);
    try {
      const status = fstatSync(fd);
      if (!status.isFile())
        throw new FileError(`${path}: must be a file, got a folder or device. Name the file itself.`);
      return new OpenFile(path, fd, status.size);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Copies bytes out; the range must lie in the file. */
  read(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.#fd, bytes, done, length - done, position + done);
      if (count === 0)
        throw new FileError(`${this.path}: the file became shorter while it was read. Load it again.`);
      done += count;
    }
    return bytes;
  }

  /** The addon's number of the mapping, which is made at the first call. */
  get mapping(): number {
    return (this.#mapping ??= native.mapFile(this.#fd));
  }

  close(): void {
    if (this.#mapping !== undefined) native.unmapFile(this.#mapping);
    closeSync(this.#fd);
  }
}

function openOrThrow(path: string): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code === "ENOENT" ? "the file does not exist" : message;
    throw new FileError(`${path}: ${reason}. Check the path.`, { cause: error });
  }
}
