// Lengths of time as Lightning's options give them.
import { UsageError } from "../base/index.ts";

/** Is seconds, `DD:HH:MM:SS`, or the sum of its parts. */
export type Duration =
  number | string | { weeks?: number; days?: number; hours?: number; minutes?: number; seconds?: number };

/** Returns the seconds of a duration; `where` begins the message about one that cannot be read. */
export function secondsOf(duration: Duration, where: string): number {
  if (typeof duration === "number" && duration >= 0) return duration;
  if (typeof duration === "object") {
    const { weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0 } = duration;
    return (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds;
  }
  const parts = /^(\d+):(\d\d):(\d\d):(\d\d)$/.exec(String(duration).trim())?.slice(1).map(Number);
  if (parts === undefined) {
    throw new UsageError(
      `${where}: must be seconds, "DD:HH:MM:SS" or { hours, minutes, ... }, got ${JSON.stringify(duration)}. Two hours are "00:02:00:00".`,
    );
  }
  const [days, hours, minutes, seconds] = parts as [number, number, number, number];
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}
