// What the cells of one column look like, and how much it looks like a text or a label. Used by ./inspect.ts alone.

/** Holds what is counted about a column. */
export interface ColumnFacts {
  name: string;
  cells: readonly string[];
  numDistinct: number;
  /** Mean length of the cells in characters. */
  meanLength: number;
  isNumeric: boolean;
}

/** Counts what there is to know of a column. */
export function describeColumn(name: string, cells: readonly string[]): ColumnFacts {
  const filled = cells.filter((cell) => cell.trim() !== "");
  return {
    name,
    cells,
    numDistinct: new Set(filled).size,
    meanLength: cells.reduce((sum, cell) => sum + cell.length, 0) / Math.max(1, cells.length),
    isNumeric: filled.length > 0 && filled.every((cell) => Number.isFinite(Number(cell))),
  };
}

const textNames =
  /^(text|sentence|message|sms|content|body|review|comment|utterance|query|question|document|tweet|e?mail|input)s?$/i;
const labelNames =
  /^(gold_?)?(label|class|category|categories|target|intent|sentiment|emotion|topic|tag|type|y)(s|_?names?|_?ids?)?$/i;

/** Rates how much a column looks like running text; 0 says that it does not. */
export function textScore({ name, numDistinct, meanLength, isNumeric }: ColumnFacts): number {
  if (isNumeric || numDistinct === 0) return 0;
  return Math.min(meanLength, 500) + (textNames.test(name) ? 1000 : 0);
}

/** Rates how much a column looks like classes: few short values that come again; 0 says that it does not. */
export function labelScore({ name, cells, numDistinct, meanLength }: ColumnFacts): number {
  const isNamed = labelNames.test(name);
  const repeats = cells.length / Math.max(1, numDistinct);
  if (numDistinct < 2 || meanLength > 60 || (!isNamed && (repeats < 2 || numDistinct > 1000))) return 0;
  return (isNamed ? 10 : 0) + 1 - 1 / repeats;
}

/** Tells whether each cell is a sequence of IOB tags (`O B-PER I-PER`, or a JSON array of them). */
export function holdsTags({ cells }: ColumnFacts): boolean {
  const sequences = cells.slice(0, 200).map(splitTags);
  return (
    sequences.every((tags) => tags.length > 0 && tags.every((tag) => /^(O|[BIESLU]-\S+)$/.test(tag))) &&
    sequences.some((tags) => tags.length > 1 && tags.some((tag) => tag !== "O"))
  );
}

/** Splits a cell of tags. */
export function splitTags(cell: string): readonly string[] {
  return parseArray(cell) ?? cell.split(/\s+/).filter((tag) => tag !== "");
}

/** Returns the classes of a column whose cells list several (`4,27`, `["a","b"]`), or undefined when they do not. */
export function listedLabels({ cells, numDistinct }: ColumnFacts): ReadonlySet<string> | undefined {
  const splitters = [
    parseArray,
    ...[",", ";", "|"].map((separator) => (cell: string) => cell.split(separator)),
  ];
  for (const split of splitters) {
    const lists = cells.filter((cell) => cell.trim() !== "").map(split);
    if (lists.includes(undefined) || !lists.some((list) => list!.length > 1)) continue;
    const labels = new Set(lists.flatMap((list) => list!.map((label) => label.trim())));
    // a class whose name has a comma in it stands in one combination only: then splitting gains nothing
    if (split === parseArray || labels.size < numDistinct) return labels;
  }
  return undefined;
}

function parseArray(cell: string): readonly string[] | undefined {
  if (!cell.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(cell);
    return Array.isArray(value) ? value.map(String) : undefined;
  } catch {
    return undefined; // a text that begins with a bracket
  }
}
