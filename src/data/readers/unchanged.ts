// A file in pieces is read over hours: what has changed since it was opened is refused, not read as if it were the same.
import { stat } from "node:fs/promises";
import { DataError } from "../../base/index.ts";
import type { ChunkedFile } from "./chunked-file.ts";

interface Stamp {
  bytes: bigint;
  modifiedNs: bigint;
}

/** Opens a file with `open`; its pieces are refused once size or time of its last change are other ones. */
export async function openUnchanged(path: string, open: () => Promise<ChunkedFile>): Promise<ChunkedFile> {
  const opened = await stampOf(path);
  const file = await open();
  return {
    ...file,
    async readChunk(chunk, columns) {
      try {
        return await file.readChunk(chunk, columns);
      } finally {
        await refuseChange(path, opened); // also where the change has made it unreadable
      }
    },
  };
}

async function stampOf(path: string): Promise<Stamp | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined); // who opens it says why
  return found && { bytes: found.size, modifiedNs: found.mtimeNs };
}

async function refuseChange(path: string, opened: Stamp | undefined): Promise<void> {
  const now = await stampOf(path);
  if (now?.bytes === opened?.bytes && now?.modifiedNs === opened?.modifiedNs) return;
  throw new DataError(
    `${path}: changed while it was read: ${describe(opened)} when it was opened, ${describe(now)} now. ` +
      `Put the old content back and go on from the last checkpoint, or start a new run with the new one.`,
  );
}

function describe(stamp: Stamp | undefined): string {
  if (stamp === undefined) return "no file";
  return `${stamp.bytes} bytes of ${new Date(Number(stamp.modifiedNs / 1_000_000n)).toISOString()}`;
}
