// The tokens of a data set on disk, named by what they follow from: texts, tokenizer and length. Runs share them.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { logger, writeFileAtomic } from "../base/index.ts";
import { TokenStore } from "./token-store.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What tokens follow from. */
export interface TokenSource {
  texts: readonly string[];
  pairs?: readonly string[] | undefined;
  /** Tells the content of a tokenizer. */
  tokenizer: { readonly hash: string };
  maxLength: number;
}

/** Of the file's layout: another one makes older files unknown. */
const layout = "sconce tokens 1";
const digestBytes = 32;

/** Returns the file of the tokens of a source; any change of a text, the tokenizer or the length names another one. */
export function tokenCacheFile(folder: string, { texts, pairs, tokenizer, maxLength }: TokenSource): string {
  const hash = createHash("sha256").update(JSON.stringify([layout, tokenizer.hash, maxLength, texts.length]));
  for (const [row, text] of texts.entries()) hash.update(`${JSON.stringify([text, pairs?.[row] ?? null])}\n`);
  return join(folder, `${hash.digest("hex")}.tokens`);
}

/** Reads tokens that an earlier run kept; undefined where there are none, or a file is damaged. */
export function readTokens(file: string, numRows: number): TokenStore | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return undefined; // none were kept
  }
  const content = bytes.subarray(digestBytes);
  const isWhole = createHash("sha256").update(content).digest().equals(bytes.subarray(0, digestBytes));
  return isWhole ? TokenStore.fromBytes(content, numRows) : undefined;
}

/** Tokenizes all texts of a source, or reads what an earlier run kept of them in `folder`. */
export async function tokenizeAll(
  source: TokenSource & { tokenizer: Tokenizer },
  folder: string | undefined,
): Promise<TokenStore> {
  const { texts, pairs, tokenizer, maxLength } = source;
  const file = folder === undefined ? undefined : tokenCacheFile(folder, source);
  const kept = file === undefined ? undefined : readTokens(file, texts.length);
  if (kept !== undefined) return kept;
  const store = new TokenStore(texts.length);
  const encoded = await tokenizer.encodeBatch(texts, { maxLength, ...(pairs && { pairs }) });
  store.add(
    Uint32Array.from(texts, (_, row) => row),
    encoded,
  );
  if (file !== undefined) writeTokens(file, store);
  return store;
}

/** Keeps tokens for later runs: two that write at once both leave the whole file. What fails is warned of. */
export function writeTokens(file: string, store: TokenStore): void {
  const content = store.toBytes();
  try {
    writeFileAtomic(file, [createHash("sha256").update(content).digest(), content]);
  } catch (error) {
    logger.warn(`the tokens are not kept for later runs: ${file}: ${(error as Error).message}`);
  }
}
