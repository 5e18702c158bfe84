// The errors that a user may see. What to throw where: docs/architecture.md.

const marker = Symbol.for("sconce.error"); // survives two copies of the package, unlike instanceof

/** Is the base of every error that a user can mend; `code` is stable across versions. */
export abstract class SconceError extends Error {
  abstract readonly code: string;
  readonly [marker] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  static is(error: unknown): error is SconceError {
    return typeof error === "object" && error !== null && marker in error;
  }
}

/** Reports tensors whose shapes or dtypes do not fit together. */
export class ShapeError extends SconceError {
  readonly code = "shape";
}

/** Reports a failure inside libtorch, with the operator and its arguments. */
export class TorchError extends SconceError {
  readonly code = "torch";
}

/** Reports a data file, row or column that cannot be used. */
export class DataError extends SconceError {
  readonly code = "data";
}

/** Reports a file of ours (checkpoint, weights, model folder) that is missing, damaged or of another model. */
export class FileError extends SconceError {
  readonly code = "file";
}

/** Reports something that the machine lacks, with the command that provides it. */
export class SetupError extends SconceError {
  readonly code = "setup";
}

/** Reports a request to the tracking store or registry that cannot be carried out. */
export class TrackingError extends SconceError {
  readonly code: string;

  constructor(message: string, { code = "tracking", ...options }: ErrorOptions & { code?: string } = {}) {
    super(message, options);
    this.code = code;
  }
}

/** Reports a training run that cannot go on (a loss that is not finite, say). */
export class TrainingError extends SconceError {
  readonly code = "training";
}

/** Reports words on the command line, or options of a call, that make no sense. */
export class UsageError extends SconceError {
  readonly code = "usage";
}

/** One thing wrong with a config: where it is, and what was expected there. */
export interface ConfigIssue {
  /** Keys from the root of the config, `dataset.batch_size`. */
  path: string;
  code: "unknown_key" | "missing" | "type" | "value" | "file" | "unreachable" | "syntax";
  message: string;
  expected?: string;
  received?: string;
  /** The file, where a config is made of several; else the error's. */
  source?: string;
  /** Place in the source file, 1-based. */
  line?: number;
  column?: number;
}

/** Reports everything that is wrong with a config at once; `issues` holds it as data. */
export class ConfigError extends SconceError {
  readonly code = "config";
  readonly source: string;
  readonly issues: readonly ConfigIssue[];

  constructor(source: string, issues: readonly ConfigIssue[], options: ErrorOptions = {}) {
    super(issues.map((issue) => formatIssue(source, issue)).join("\n"), options);
    this.source = source;
    this.issues = issues;
  }
}

/** Writes an issue on one line: its place, its path and what is wrong. `main` is the file where it names none. */
export function formatIssue(main: string, { path, message, source, line, column }: ConfigIssue): string {
  const file = source ?? main;
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  return `${place}: ${path === "" ? "" : `${path}: `}${message}`;
}

/** Throws when our own reasoning is wrong; a user's mistake gets a `SconceError` instead. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`${message} This is a bug in Sconce.`);
}
