// Splits delimited text into records. Knows RFC 4180 and what Python's csv module makes of text beyond it;
// knows nothing of headers and columns (src/data/readers/csv.ts).

/** Says how fields are separated and quoted. */
export interface Dialect {
  /** One character. */
  delimiter: string;
  /** One character, or null when quotes are ordinary characters. */
  quote: string | null;
}

/** Says why a text could not be split further, and on which 1-based line the trouble begins. */
export interface DelimitedFault {
  kind: "unterminated_quote" | "text_after_quote";
  line: number;
}

/** Receives one record and the 1-based line on which it begins; returning false ends the parse. */
export type RecordHandler = (fields: string[], line: number) => boolean;

/**
 * Calls `onRecord` for each record of `text`; lines without any character are skipped. LF, CRLF and a lone CR
 * end a record. Text after a closing quote is appended as Python's csv does, or is a fault when `strict`.
 */
export function parseDelimited(
  text: string,
  { delimiter, quote, strict = false }: Dialect & { strict?: boolean },
  onRecord: RecordHandler,
): DelimitedFault | undefined {
  const separator = delimiter.charCodeAt(0);
  const quoteCode = quote === null ? -1 : quote.charCodeAt(0);
  const end = text.length;
  let at = 0;
  let line = 1;

  while (at < end) {
    const recordAt = at;
    const recordLine = line;
    const fields: string[] = [];
    for (;;) {
      let quoted: string | undefined;
      if (text.charCodeAt(at) === quoteCode) {
        quoted = "";
        const openLine = line;
        let from = ++at;
        for (;;) {
          if (at >= end) return { kind: "unterminated_quote", line: openLine };
          const code = text.charCodeAt(at++);
          if (code === quoteCode) {
            if (text.charCodeAt(at) !== quoteCode) break;
            quoted += text.slice(from, at); // of a doubled quote, one stays
            from = ++at;
          } else if (code === LF || (code === CR && text.charCodeAt(at) !== LF)) line++;
        }
        quoted += text.slice(from, at - 1);
      }

      const from = at;
      let code = NaN;
      for (; at < end; at++) {
        code = text.charCodeAt(at);
        if (code === separator || code === LF || code === CR) break;
      }
      if (strict && quoted !== undefined && at > from) return { kind: "text_after_quote", line };
      fields.push(quoted === undefined || at > from ? (quoted ?? "") + text.slice(from, at) : quoted);
      if (at >= end || code !== separator) break;
      at++; // a delimiter at the very end opens one more, empty field
    }

    const isBlank = at === recordAt;
    if (at < end) {
      at += text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF ? 2 : 1;
      line++;
    }
    if (!isBlank && !onRecord(fields, recordLine)) return undefined;
  }
  return undefined;
}

const LF = 10;
const CR = 13;

const delimiters = [",", "\t", ";", "|"];
const sampleRecords = 100;

/** Picks the delimiter that gives most of the first records as many fields as the header; "," when none does. */
export function detectDelimiter(text: string): string {
  let best = ",";
  let bestScore = 0;
  for (const delimiter of delimiters) {
    const widths: number[] = [];
    parseDelimited(text, { delimiter, quote: '"' }, (fields) => widths.push(fields.length) < sampleRecords);
    const width = widths[0] ?? 1;
    if (width < 2) continue;
    // agreement counts first, the number of columns breaks ties
    const score =
      widths.filter((other) => other === width).length / widths.length + Math.min(width, 100) / 1e4;
    if (score > bestScore) [best, bestScore] = [delimiter, score];
  }
  return best;
}
