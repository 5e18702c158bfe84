// Logs that only grow, as they stood before.
import { statSync, truncateSync } from "node:fs";

/** Takes away what was added to a file after it had so many bytes; false where it is not there, or is shorter. */
export function cutTo(path: string, bytes: number): boolean {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes === 0 || size < bytes) return false;
  truncateSync(path, bytes);
  return true;
}
