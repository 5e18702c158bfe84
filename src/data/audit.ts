// What a person should know of a data set before trusting a score: leaks, duplicates, contradictions, gaps.
import { createHash } from "node:crypto";

/** Texts with their labels; `pairs` are the second texts of sentence pairs. */
export interface LabelledTexts {
  texts: readonly string[];
  pairs?: readonly string[];
  labels: readonly string[];
}

/** Counts what is odd about one part of a data set. */
export interface PartAudit {
  rows: number;
  /** Rows whose text is empty or white space (both texts, for pairs). */
  emptyTexts: number;
  /** Rows whose text already stood in an earlier row. */
  duplicateTexts: number;
  /** Different texts that carry more than one label. */
  conflictingTexts: number;
  /** Rows by label, most frequent first. */
  classCounts: readonly (readonly [label: string, rows: number])[];
}

/** Counts what is odd about one part; texts are equal when they are so after folding white space. */
export function auditPart({ texts, pairs, labels }: LabelledTexts): PartAudit {
  const labelOf = new Map<string, string>();
  const conflicting = new Set<string>();
  const classCounts = new Map<string, number>();
  let emptyTexts = 0;
  let duplicateTexts = 0;
  for (let row = 0; row < texts.length; row++) {
    const key = keyOf(texts[row]!, pairs?.[row]);
    const label = labels[row]!.trim();
    classCounts.set(label, (classCounts.get(label) ?? 0) + 1);
    if (key.trim() === "") emptyTexts++;
    const seen = labelOf.get(key);
    if (seen === undefined) labelOf.set(key, label);
    else {
      duplicateTexts++;
      if (seen !== label) conflicting.add(key);
    }
  }
  return {
    rows: texts.length,
    emptyTexts,
    duplicateTexts,
    conflictingTexts: conflicting.size,
    classCounts: [...classCounts].sort(([, a], [, b]) => b - a),
  };
}

/** Counts the rows of `part` whose text also stands in one of `earlier` parts. */
export function countSharedRows(earlier: readonly TextColumns[], part: TextColumns): number {
  const keys = new Set<string>();
  for (const { texts, pairs } of earlier) {
    for (let row = 0; row < texts.length; row++) keys.add(keyOf(texts[row]!, pairs?.[row]));
  }
  return part.texts.filter((text, row) => keys.has(keyOf(text, part.pairs?.[row]))).length;
}

/** Holds texts without their labels. */
export type TextColumns = Pick<LabelledTexts, "texts" | "pairs">;

/** Returns the SHA-256 in hex of the rows of all parts; any change of a text, label or their order changes it. */
export function contentHash(parts: readonly LabelledTexts[]): string {
  const hash = createHash("sha256");
  for (const { texts, pairs, labels } of parts) {
    hash.update(`${texts.length}\n`);
    for (let row = 0; row < texts.length; row++) {
      hash.update(`${JSON.stringify([texts[row], pairs?.[row] ?? null, labels[row]])}\n`);
    }
  }
  return hash.digest("hex");
}

function keyOf(text: string, pair: string | undefined): string {
  const folded = fold(text);
  return pair === undefined ? folded : `${folded}\n${fold(pair)}`; // folded text has no newline of its own
}

function fold(text: string): string {
  return text.trim().replace(/\s+/g, " ");
}
