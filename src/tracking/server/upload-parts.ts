// Parts of files that the server takes for its own folder. A part comes as it would come to a bucket: without a user, with
// the token that was given to whoever was allowed to begin the file. Nothing can be read before the file is completed,
// and whoever completes it must be allowed to.
import type { IncomingMessage, ServerResponse } from "node:http";
import { type FolderUploads, partsPath, uploadTokenHeader } from "../artifacts/folder-uploads.ts";
import { announcedSize } from "./artifact-routes.ts";
import { sendJson } from "./send.ts";

/** Is a part that a client sends. */
export interface PartRequest {
  uploadId: string;
  partNumber: number;
  token: string;
}

/** The address of a part, as in the audit log. */
export const partEndpoint = "/mlflow-artifacts/mpu/parts/{upload_id}/{part_number}";

/** Returns the part that a request brings; undefined for all other requests. */
export function partOf({ method, headers }: IncomingMessage, pathname: string): PartRequest | undefined {
  if (method !== "PUT" || !pathname.startsWith(`/${partsPath}/`)) return undefined;
  const [, uploadId, number] =
    /^\/([0-9a-f]{32})\/(\d{1,5})$/.exec(pathname.slice(partsPath.length + 1)) ?? [];
  if (uploadId === undefined) return undefined;
  const token = String(headers[uploadTokenHeader.toLowerCase()] ?? "");
  return { uploadId, partNumber: Number(number), token };
}

/** Stores a part, and answers with its ETag. */
export async function answerPart(
  request: IncomingMessage,
  response: ServerResponse,
  { uploadId, partNumber }: PartRequest,
  uploads: FolderUploads,
): Promise<void> {
  const body = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>; // what is refused is answered
  const etag = await uploads.receivePart(uploadId, partNumber, { body, ...announcedSize(request) });
  response.setHeader("ETag", `"${etag}"`);
  sendJson(response, 200, {});
}
