// A file that comes from elsewhere: it is there as a whole, or not at all.
import { createHash } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fsyncDirectory, partialPath } from "../../base/index.ts";
import type { BlobPool } from "./blob-pool.ts";
import { checkReceived, checkSize } from "./repository.ts";
import type { ReceiveOptions } from "./repository.ts";

/** Writes what comes to a file, over what is there, as soon as all of it has come. */
export async function receiveFile(
  body: AsyncIterable<Uint8Array>,
  file: string,
  options: ReceiveOptions = {},
  pool?: BlobPool,
): Promise<void> {
  checkSize(options.size ?? 0, options);
  await mkdir(dirname(file), { recursive: true });
  await receiveInto(dirname(file), body, options, async (temporary, sha256) => {
    await pool?.shareHashed(temporary, sha256);
    return file;
  });
}

/** Writes what comes to a new file of a folder; once all of it has come, `nameOf` is asked for its path. */
export async function receiveInto(
  folder: string,
  body: AsyncIterable<Uint8Array>,
  options: ReceiveOptions,
  nameOf: (temporary: string, sha256: string) => Promise<string> | string,
): Promise<void> {
  checkSize(options.size ?? 0, options);
  const temporary = partialPath(join(folder, "file"));
  const target = await open(temporary, "wx");
  try {
    let received = 0;
    const hash = createHash("sha256");
    for await (const chunk of body) {
      received += chunk.length;
      hash.update(chunk);
      checkSize(received, options);
      await target.write(chunk);
    }
    checkReceived(received, options);
    await target.sync();
    await target.close();
    await rename(temporary, await nameOf(temporary, hash.digest("hex")));
    fsyncDirectory(folder);
  } catch (error) {
    await target.close().catch(() => {}); // it may be closed already
    await rm(temporary, { force: true });
    throw error;
  }
}
