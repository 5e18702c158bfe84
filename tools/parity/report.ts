// The text of docs/parity.md.
import { reasonFor } from "./reasons.ts";
import { hasName } from "./surface.ts";

/** What tools/parity/python_names.py writes: PyTorch's version, and the public names of each namespace. */
export type PythonNames = { version: string } & Record<string, readonly string[] | string>;

interface Coverage {
  namespace: string;
  total: number;
  present: number;
  missing: string[];
  /** Names left out on purpose, by reason. */
  leftOut: Map<string, string[]>;
}

/** Returns the report: a table of all namespaces, then what each lacks. */
export function parityReport({ version, ...spaces }: PythonNames): string {
  const coverages = Object.entries(spaces).map(([namespace, names]) => cover(namespace, names as string[]));
  return [
    "# Parity with PyTorch",
    `Which public names of PyTorch ${version} \`sconce/torch\` has, counted by \`npm run parity\`. A name counts as soon as ` +
      "it is there; that it computes the same is what the goldens in `tests/goldens` prove. Names are spelled in " +
      "camelCase (`log_softmax` is `logSoftmax`). Every operator of libtorch, listed here or not, can be called as " +
      "`torch.ops.aten.name.overload`.",
    table(coverages),
    ...coverages.filter(isIncomplete).map(section),
    "",
  ]
    .join("\n\n")
    .replace(/\n+$/, "\n");
}

function cover(namespace: string, names: readonly string[]): Coverage {
  const absent = names.filter((name) => !hasName(namespace, name));
  const missing: string[] = [];
  const leftOut = new Map<string, string[]>();
  for (const name of absent) {
    const reason = reasonFor(namespace, name);
    if (reason === undefined) missing.push(name);
    else leftOut.set(reason, [...(leftOut.get(reason) ?? []), name]);
  }
  return { namespace, total: names.length, present: names.length - absent.length, missing, leftOut };
}

function isIncomplete({ total, present }: Coverage): boolean {
  return present < total;
}

function table(coverages: readonly Coverage[]): string {
  const rows = coverages.map(({ namespace, total, present, missing }) => {
    const leftOut = total - present - missing.length;
    const share = `${((100 * present) / total).toFixed(0)} %`;
    return `| \`${namespace}\` | ${present} | ${total} | ${share} | ${missing.length} | ${leftOut} |`;
  });
  return [
    "| namespace | here | in Python | share | to do | left out on purpose |",
    "|---|--:|--:|--:|--:|--:|",
    ...rows,
  ].join("\n");
}

function section({ namespace, missing, leftOut }: Coverage): string {
  const toDo = missing.length === 0 ? [] : [`To do: ${list(missing)}`];
  const reasons = [...leftOut].map(([reason, names]) => `Left out (${reason}): ${list(names)}`);
  return [`## ${namespace}`, ...toDo, ...reasons].join("\n\n");
}

function list(names: readonly string[]): string {
  return `${names.map((name) => `\`${name}\``).join(", ")}.`;
}
