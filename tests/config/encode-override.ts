// Writes what was read as tools/golden/hydra_overrides.py writes what Hydra reads.
import type { Override, RangeSweep, Sweep } from "sconce/config";
import { pythonFloat } from "../../src/base/index.ts";
import { isQuoted } from "../../src/config/hydra/override.ts";
import { rangeValues } from "../../src/config/hydra/range-values.ts";
import type { ConfigNode } from "../../src/config/node.ts";

const types = { set: "CHANGE", add: "ADD", force: "FORCE_ADD", delete: "DEL", extend: "EXTEND" };

export function encodeOverride(override: Override): Record<string, unknown> {
  const { text, action, keyOrGroup, package: packageName = null, value, sweep } = override;
  const result = { line: text, type: types[action], key: keyOrGroup, package: packageName };
  if (sweep !== undefined) return { ...result, kind: sweepKind(sweep), value: encodeSweep(sweep) };
  return value === undefined ? result : { ...result, kind: "ELEMENT", value: encodeNode(value) };
}

function sweepKind(sweep: Sweep): string {
  if (sweep.kind === "choice") return sweep.isSimple ? "SIMPLE_CHOICE_SWEEP" : "CHOICE_SWEEP";
  return { range: "RANGE_SWEEP", interval: "INTERVAL_SWEEP", glob: "GLOB_CHOICE_SWEEP" }[sweep.kind];
}

function encodeSweep(sweep: Sweep): unknown {
  switch (sweep.kind) {
    case "choice":
      return {
        choice: sweep.items.map(encodeNode),
        simple: sweep.isSimple,
        shuffle: sweep.shuffle,
        tags: sweep.tags,
      };
    case "range":
      return {
        range: [sweep.start, sweep.stop, sweep.step].map(encodeNode),
        values: encodeValues(sweep),
        shuffle: sweep.shuffle,
        tags: sweep.tags,
      };
    case "interval":
      return { interval: [sweep.start, sweep.end].map(encodeNode), tags: sweep.tags };
    case "glob":
      return { glob: sweep.include, exclude: sweep.exclude };
  }
}

function encodeValues(sweep: RangeSweep): unknown {
  try {
    return rangeValues(sweep).map(encodeNode);
  } catch {
    return "error";
  }
}

/** Encodes a value; floats, large integers, quotes and mappings are marked. */
export function encodeNode(node: ConfigNode): unknown {
  if (node.kind === "list") return node.items.map(encodeNode);
  if (node.kind === "map") {
    return {
      dict: Array.from(node.entries, ([key, { node: value }]) => [encodeKey(key), encodeNode(value)]),
    };
  }
  if (isQuoted(node)) return { quoted: node.value, quote: node.quote === "'" ? "single" : "double" };
  if (node.isFloat) return { float: pythonFloat(node.value as number) };
  return typeof node.value === "bigint" ? { int: String(node.value) } : node.value;
}

function encodeKey(key: string | number | boolean | null): unknown {
  return typeof key === "number" && !Number.isInteger(key) ? { float: pythonFloat(key) } : key;
}
