// Endpoints by which clients send files in parts, and send to a bucket and read from it without passing the server.
import { z } from "zod";
import { TrackingError } from "../../../base/index.ts";
import { hasDirectTransfers } from "../../artifacts/repository.ts";
import type { ArtifactStorage, DirectTransfers, MultipartUploads } from "../../artifacts/repository.ts";
import { invalid } from "../../validation.ts";
import { wireInteger } from "../../wire.ts";
import type { ArtifactFolders } from "../artifact-folders.ts";
import { endpoint, required } from "../endpoint.ts";
import type { ServerContext } from "../endpoint.ts";

const defaultSeconds = 900; // MLFLOW_PRESIGNED_DOWNLOAD_URL_TTL_SECONDS, and of uploads
const mostParts = 10_000; // what S3 takes

const folder = z.object({ folder: z.string(), path: required });
const upload = folder.extend({ upload_id: required });
const place = z.object({
  run_id: z.string().default(""),
  model_id: z.string().default(""),
  path: required,
  expiration: wireInteger.default(defaultSeconds),
});

export const transferEndpoints = [
  endpoint(
    "POST",
    "/mlflow-artifacts/mpu/create/{folder*}",
    folder.extend({ num_parts: wireInteger.pipe(z.number().min(1).max(mostParts)).default(1) }),
    async (input, { folders, publicUrl }) => {
      const { uploadId, parts } = await uploads(folders).createMultipartUpload(
        target(input),
        input.num_parts,
      );
      const credentials = parts.map(({ partNumber, url, headers }) => ({
        part_number: partNumber,
        url: new URL(url, publicUrl()).href,
        headers,
      }));
      return { upload_id: uploadId, credentials };
    },
  ),
  endpoint(
    "POST",
    "/mlflow-artifacts/mpu/complete/{folder*}",
    upload.extend({
      parts: z
        .array(z.object({ part_number: wireInteger, etag: required }))
        .min(1)
        .max(mostParts),
    }),
    async (input, { folders }) => {
      const parts = input.parts.map(({ part_number, etag }) => ({ partNumber: part_number, etag }));
      await uploads(folders).completeMultipartUpload(target(input), input.upload_id, parts);
    },
  ),
  endpoint("POST", "/mlflow-artifacts/mpu/abort/{folder*}", upload, async (input, { folders }) => {
    await uploads(folders).abortMultipartUpload(target(input), input.upload_id);
  }),
  endpoint(
    "GET",
    "/mlflow-artifacts/presigned/{path*}",
    z.object({ path: required }),
    async ({ path }, { folders }) => {
      const { url, headers, size } = await direct(folders.proxied, "Multipart download").presignDownload(
        path,
        defaultSeconds,
      );
      return { url, headers, file_size: size };
    },
  ),
  endpoint("POST", "/mlflow/artifacts/presigned-upload-url", place, async (input, context) => {
    const storage = direct(await storageOf(input, context), "Presigned upload");
    const { url, headers } = await storage.presignUpload(input.path, input.expiration);
    return { presigned_url: url, headers };
  }),
  endpoint(
    "POST",
    "/mlflow/artifacts/presigned-download-url",
    place.omit({ model_id: true }),
    async (input, context) => {
      const storage = direct(await storageOf({ ...input, model_id: "" }, context), "Presigned download");
      const { url, headers, size } = await storage.presignDownload(input.path, input.expiration);
      return { presigned_url: url, headers, file_size: size };
    },
  ),
];

/** MLflow's client names the folder in the address, and the file in the body, with the folders it has on its machine. */
function target(input: { folder: string; path: string }): string {
  return `${input.folder}/${input.path.slice(input.path.lastIndexOf("/") + 1)}`;
}

async function storageOf(
  { run_id, model_id }: { run_id: string; model_id: string },
  { store, folders }: ServerContext,
): Promise<ArtifactStorage> {
  if ((run_id === "") === (model_id === ""))
    throw invalid("exactly one of run_id and model_id must be given.");
  const uri =
    run_id === ""
      ? (await store.getLoggedModel(model_id)).artifactLocation
      : (await store.getRun(run_id)).info.artifactUri;
  if (!uri.startsWith("mlflow-artifacts:")) return folders.repository(uri);
  throw invalid(
    `a presigned address needs artifacts that are in a bucket of their own, got "${uri}". Use /mlflow-artifacts.`,
  );
}

function uploads(folders: ArtifactFolders): MultipartUploads {
  return folders.uploads ?? direct(folders.proxied, "Multipart upload");
}

function direct<S extends ArtifactStorage>(storage: S, what: string): S & DirectTransfers {
  if (hasDirectTransfers(storage)) return storage;
  // MLflow's client knows these words, and sends the file in one piece
  throw new TrackingError(`${what} is not supported for the current artifact repository`, {
    code: "NOT_IMPLEMENTED",
  });
}
