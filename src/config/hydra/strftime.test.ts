import { expect, test } from "vitest";
import { strftime } from "./strftime.ts";

const morning = new Date(2026, 0, 4, 9, 5, 7, 42); // a Sunday

// what Python's datetime.strftime gives for the same moment, in the C locale
test.each([
  ["%Y-%m-%d", "2026-01-04"],
  ["%H-%M-%S", "09-05-07"],
  ["%y %j %f", "26 004 042000"],
  ["%a %A %b %B %p", "Sun Sunday Jan January AM"],
  ["%I %e %k %l", "09  4  9  9"],
  ["%U %W %V %G %u %w", "01 00 01 2026 7 0"],
  ["%c", "Sun Jan  4 09:05:07 2026"],
  ["%D %F %T %R %x %X", "01/04/26 2026-01-04 09:05:07 09:05 01/04/26 09:05:07"],
  ["%-d %-m %-H %-M", "4 1 9 5"],
  ["%C %h %g", "20 Jan 26"],
  ["%Z%z|%%|%n|%t|", "|%|\n|\t|"],
  ["%Q %", "%Q %"],
  ["plain", "plain"],
])("%j", (pattern, expected) => {
  expect(strftime(pattern, morning)).toBe(expected);
});
