// Reads one override of the command line in Hydra's grammar: a.b=v, +a=v, ++a=v, ~a, db/engine@pkg=option.
import { limits } from "../document.ts";
import { forbiddenKeys, formatValue } from "../value.ts";
import { OverrideError } from "./override-error.ts";
import type { Override } from "./override.ts";
import { ValueReader } from "./value-reader.ts";

const marks = { "": "set", "+": "add", "++": "force", "~": "delete" } as const;
const step = "(?:[A-Za-z_$][\\w$-]*|0|[1-9](?:_?\\d)*)";
const pathPattern = new RegExp(`^(?:[A-Za-z_$][\\w$-]*|${step}(?:\\.${step})+)$`, "u");
const groupPattern = /^[A-Za-z_][\w-]*(?:\/[A-Za-z_][\w-]*)+$/u;

/**
 * Reads one override. Functions are evaluated (`int(1.5)` is 1), sweeps and interpolations stay as they are;
 * `shuffle([1, 2, 3])` draws from `seed` (0 unless given), so that the same line means the same list every time.
 * What Hydra's grammar does not allow throws an `OverrideError` of one sentence with its column.
 *
 * @example
 * parseOverride("+db/engine@backup=innodb").package; // => "backup"
 */
export function parseOverride(text: string, { seed = 0 }: { seed?: number } = {}): Override {
  if (text.length > limits.bytes) {
    throw new OverrideError(
      text,
      `an override may have ${limits.bytes} characters. Put the value in a file.`,
    );
  }
  const mark = text.startsWith("++") ? "++" : /^[+~]/u.test(text) ? (text[0] as "+" | "~") : "";
  const equals = text.indexOf("=");
  const key = readKey(text, mark.length, equals === -1 ? text.length : equals);
  const action = marks[mark];
  if (equals === -1) {
    if (action === "delete") return { text, action, ...key };
    const name = key.keyOrGroup.length > 60 ? "KEY" : text.slice(mark.length);
    throw new OverrideError(
      text,
      `a value must follow the key. Write ${name}=VALUE, or ~${name} to delete it.`,
    );
  }
  const value = new ValueReader(text, equals + 1, { origin: { source: text }, seed }).read();
  switch (value.kind) {
    case "scalar":
    case "list":
    case "map":
      return { text, action, ...key, value };
    case "extend":
      if (action === "set") return { text, action: "extend", ...key, value: value.items };
      throw new OverrideError(
        text,
        `extend_list cannot follow "${mark}". Write ${text.slice(mark.length)}.`,
        {
          column: 1,
        },
      );
    default:
      return { text, action, ...key, sweep: value };
  }
}

/** Reads what stands between the mark and `=`. */
function readKey(text: string, start: number, end: number): Pick<Override, "keyOrGroup" | "package"> {
  const key = text.slice(start, end);
  const fail = (reason: string, at: number): never => {
    throw new OverrideError(text, reason, { column: start + at + 1 });
  };
  const colon = key.indexOf(":");
  if (colon !== -1 && key.includes("@")) {
    fail(
      `a package cannot be renamed with ":", which Hydra 1.1 removed. Write GROUP@PACKAGE=OPTION, with the package that the option has.`,
      colon,
    );
  }
  const at = key.indexOf("@");
  const [keyOrGroup, packageName] = at === -1 ? [key, undefined] : [key.slice(0, at), key.slice(at + 1)];
  const isNamed = keyOrGroup !== "" || packageName !== undefined;
  if (!isNamed || !(keyOrGroup === "" || pathPattern.test(keyOrGroup) || groupPattern.test(keyOrGroup))) {
    fail(
      `a key such as trainer.max_epochs must stand before "=", got ${formatValue(keyOrGroup)}. Write KEY=VALUE.`,
      0,
    );
  }
  if (packageName !== undefined && packageName !== "" && !pathPattern.test(packageName)) {
    fail(
      `a package such as db.backup must follow "@", got ${formatValue(packageName)}. Write GROUP@PACKAGE=OPTION.`,
      at + 1,
    );
  }
  for (const part of key.split(/[./@]/u)) {
    if (forbiddenKeys.includes(part))
      fail(`the key "${part}" is reserved. Choose another name.`, key.indexOf(part));
  }
  return packageName === undefined ? { keyOrGroup } : { keyOrGroup, package: packageName };
}
