// A file that a client sends: it is there as a whole, or not at all.
import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { TrackingError, fsyncDirectory } from "../../base/index.ts";
import { invalid } from "../validation.ts";

/** Tells whether a file is one that is still coming, or was when the server died. */
export function isPartial(name: string): boolean {
  return /\.[0-9a-f]{12}\.part$/.test(name);
}

/** Writes the body of a request to a file, over what is there, as soon as all of it has come. */
export async function receiveFile(request: IncomingMessage, file: string, maxBytes: number): Promise<void> {
  const announced = request.headers["content-length"];
  if (Number(announced ?? 0) > maxBytes) throw tooLarge(maxBytes);
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${randomBytes(6).toString("hex")}.part`;
  const target = await open(temporary, "wx");
  try {
    let size = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      await target.write(chunk);
    }
    if (announced !== undefined && size !== Number(announced)) {
      throw invalid(`artifact: ${announced} bytes were announced and ${size} came.`);
    }
    await target.sync();
    await target.close();
    await rename(temporary, file);
    fsyncDirectory(dirname(file));
  } catch (error) {
    await target.close().catch(() => {}); // it may be closed already
    await rm(temporary, { force: true });
    throw error;
  }
}

function tooLarge(maxBytes: number) {
  return new TrackingError(`artifact: at most ${maxBytes} bytes are allowed.`, {
    code: "REQUEST_LIMIT_EXCEEDED",
  });
}
