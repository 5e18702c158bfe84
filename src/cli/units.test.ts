import { expect, test } from "vitest";
import { formatBytes } from "./units.ts";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1536, "1.5 KiB"],
  [91 * 1024 ** 2, "91 MiB"],
  [3.2 * 1024 ** 4, "3.2 TiB"],
  [5000 * 1024 ** 4, "5000 TiB"],
])("%d bytes read as %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));
