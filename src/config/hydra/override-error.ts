// What is thrown where an override cannot be read or applied.
import { SconceError } from "../../base/index.ts";
import { formatValue } from "../value.ts";

/** Reports an override that cannot be read or applied. */
export class OverrideError extends SconceError {
  readonly code = "override";
  /** The override as it was written. */
  readonly override: string;
  /** The message without the override before it. */
  readonly reason: string;
  /** Where in the override, counted from 1; absent where all of it is meant. */
  readonly column?: number;

  constructor(
    override: string,
    reason: string,
    { column, ...options }: ErrorOptions & { column?: number } = {},
  ) {
    const place = column === undefined ? "" : ` column ${column}:`;
    super(`override ${formatValue(override)}:${place} ${reason}`, options);
    this.override = override;
    this.reason = reason;
    if (column !== undefined) this.column = column;
  }
}
