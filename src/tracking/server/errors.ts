// Errors as MLflow's REST API answers them.
import { SconceError, logger } from "../../base/index.ts";
import { SignInError } from "./auth/sign-in.ts";

const statusOfCode: Record<string, number> = {
  INVALID_PARAMETER_VALUE: 400,
  BAD_REQUEST: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  RESOURCE_DOES_NOT_EXIST: 404,
  ENDPOINT_NOT_FOUND: 404,
  NOT_FOUND: 404,
  RESOURCE_CONFLICT: 409,
  REQUEST_LIMIT_EXCEEDED: 413,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL_ERROR: 500,
  INVALID_STATE: 500,
  NOT_IMPLEMENTED: 501,
  TEMPORARILY_UNAVAILABLE: 503,
};

// what the file system says of a path that a client chose
const fileErrors: Record<string, [code: string, message: string]> = {
  ENAMETOOLONG: [
    "INVALID_PARAMETER_VALUE",
    "a name in the path, or the whole path, is too long for the server's disk.",
  ],
  EILSEQ: ["INVALID_PARAMETER_VALUE", "the path has characters that the server's disk does not take."],
  ENOTDIR: ["INVALID_PARAMETER_VALUE", "the path leads through a file as if that were a folder."],
  EEXIST: ["INVALID_PARAMETER_VALUE", "the path leads through a file as if that were a folder."],
  EISDIR: ["INVALID_PARAMETER_VALUE", "the path names a folder, where a file is needed."],
  ENOTEMPTY: ["RESOURCE_CONFLICT", "the folder was written to meanwhile. Send the request again."],
  EMFILE: ["TEMPORARILY_UNAVAILABLE", "the server has too many files open. Send the request again."],
  ENFILE: ["TEMPORARILY_UNAVAILABLE", "the server has too many files open. Send the request again."],
};

/** Is the answer to a request that failed. */
export interface ErrorAnswer {
  status: number;
  body: { error_code: string; message: string };
  headers?: Record<string, string>;
}

/** Turns an error into its answer; the inside of an unexpected one stays in the server's log. */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (SconceError.is(error)) {
    const code = error.code in statusOfCode ? error.code : "INTERNAL_ERROR";
    return {
      status: statusOfCode[code] ?? 500,
      body: { error_code: code, message: error.message },
      ...(error instanceof SignInError && { headers: error.headers }),
    };
  }
  if (error instanceof URIError) {
    return {
      status: 400,
      body: { error_code: "INVALID_PARAMETER_VALUE", message: "the path is not valid UTF-8." },
    };
  }
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const refusal = Object.hasOwn(fileErrors, code) ? fileErrors[code] : undefined;
  if (refusal !== undefined) {
    const [errorCode, message] = refusal;
    return { status: statusOfCode[errorCode] ?? 500, body: { error_code: errorCode, message } };
  }
  logger.error(`server: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return {
    status: 500,
    body: { error_code: "INTERNAL_ERROR", message: "the server failed; its log says more." },
  };
}
