// The connection to S3, and what its errors mean. MLflow's variables apply (store/artifact/s3_artifact_repo.py):
// MLFLOW_S3_ENDPOINT_URL, MLFLOW_S3_IGNORE_TLS, MLFLOW_S3_UPLOAD_EXTRA_ARGS, MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE,
// MLFLOW_S3_EXPECTED_BUCKET_OWNER; and AWS's own for credentials and region.
import { Agent } from "node:https";
import type {
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ClientConfig,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { SconceError, TrackingError, UsageError } from "../../base/index.ts";
import { noSuchArtifact } from "./repository.ts";

/** Loads the SDK when a bucket is used first; it is large. */
export function sdk() {
  return import("@aws-sdk/client-s3");
}

export type PresignedCommand = GetObjectCommand | PutObjectCommand | UploadPartCommand;

/** Signs a request ahead. */
export async function presign(
  client: S3Client,
  command: PresignedCommand,
  expiresIn: number,
): Promise<string> {
  const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
  return getSignedUrl(client, command as GetObjectCommand, { expiresIn }); // its type takes no union
}

let opened: { settings: string; client: S3Client } | undefined;

/** Returns the client for what the environment says now. */
export async function s3Client(): Promise<S3Client> {
  const { env } = process;
  const endpoint = env["MLFLOW_S3_ENDPOINT_URL"] || env["AWS_ENDPOINT_URL_S3"] || env["AWS_ENDPOINT_URL"];
  const style = env["MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"] || "auto";
  const ignoresTls = /^(true|1)$/i.test(env["MLFLOW_S3_IGNORE_TLS"] ?? "");
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"];
  const config: S3ClientConfig = {
    ...(region ? { region } : endpoint ? { region: "us-east-1" } : {}),
    ...(endpoint ? { endpoint } : {}),
    forcePathStyle: style === "path" || (style === "auto" && Boolean(endpoint)),
    // other stores do not know the newer checksums, and an address that is signed ahead cannot hold one
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  };
  const settings = JSON.stringify([config, ignoresTls, env["AWS_ACCESS_KEY_ID"], env["AWS_PROFILE"]]);
  if (opened?.settings === settings) return opened.client;
  const { S3Client } = await sdk();
  opened?.client.destroy();
  const insecure = { requestHandler: { httpsAgent: new Agent({ rejectUnauthorized: false }) } };
  opened = { settings, client: new S3Client({ ...config, ...(ignoresTls ? insecure : {}) }) };
  return opened.client;
}

/** Reads what every upload says besides the file: `{"ServerSideEncryption": "AES256"}`, say. */
export function uploadArguments(): Record<string, string> {
  const text = process.env["MLFLOW_S3_UPLOAD_EXTRA_ARGS"];
  if (text === undefined || text === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, string>;
    }
  } catch {
    // told below
  }
  throw new UsageError(`MLFLOW_S3_UPLOAD_EXTRA_ARGS: it must be a JSON object, got ${text.slice(0, 100)}.`);
}

/** Says what a failed request means; our own errors stay as they are. */
export function explain(error: unknown, uri: string, artifactPath: string | undefined): Error {
  if (SconceError.is(error)) return error;
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (name === "NoSuchBucket") {
    return new TrackingError(`artifacts: there is no bucket for ${uri}. Create it, or name another.`, {
      code: "RESOURCE_DOES_NOT_EXIST",
      cause: error,
    });
  }
  if (
    name === "NoSuchUpload" ||
    name === "InvalidPart" ||
    name === "InvalidPartOrder" ||
    name === "EntityTooSmall"
  ) {
    return new TrackingError(`artifact "${artifactPath ?? ""}": its parts cannot be joined: ${message}.`, {
      code: "INVALID_PARAMETER_VALUE",
      cause: error,
    });
  }
  if (status === 404 || name === "NoSuchKey") return noSuchArtifact(artifactPath ?? "", uri);
  if (status === 401 || status === 403 || name === "CredentialsProviderError") {
    return new TrackingError(
      `artifacts: ${uri} refuses (${message}). Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, to ` +
        "credentials that may use it.",
      { code: "PERMISSION_DENIED", cause: error },
    );
  }
  const isRefused = status !== undefined && status >= 400 && status < 500;
  return new TrackingError(`artifacts: ${uri} cannot be reached (${message || name}).`, {
    code: isRefused ? "INVALID_PARAMETER_VALUE" : "TEMPORARILY_UNAVAILABLE",
    cause: error,
  });
}
