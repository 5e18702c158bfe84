// Texts to token ids with Hugging Face's Rust tokenizers, on their threads rather than on ours.
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Encoding, Tokenizer as NativeTokenizer } from "tokenizers";
import { FileError, UsageError, writeFileAtomic } from "../base/index.ts";
import { cutText } from "./long-texts.ts";
import { readTokenizerFolder, type TokenizerFiles } from "./tokenizer-files.ts";

const require = createRequire(import.meta.url);

/** Holds the tokens of many texts end to end: text `i` has those from `offsets[i]` to `offsets[i + 1]`. */
export interface EncodedTexts {
  inputIds: Int32Array;
  /** 0 for the first text of a pair, 1 for the second; all 0 for models without such types. */
  typeIds: Uint8Array;
  /** One more than there are texts. */
  offsets: Uint32Array;
}

/** Says how texts become tokens. */
export interface EncodeOptions {
  /** Most tokens of a row, special ones included; longer rows lose the end of their longer text. */
  maxLength: number;
  /** Second texts, one for each first one. */
  pairs?: readonly string[];
}

/**
 * Turns texts into token ids as the model's own tokenizer files say.
 *
 * @example
 * const tokenizer = Tokenizer.fromFolder("pretrained_models/minilm");
 * const { inputIds } = await tokenizer.encodeBatch(["Hello world"], { maxLength: 64 });
 * // => Int32Array [101, 7592, 2088, 102]
 */
export class Tokenizer {
  /** Id that fills rows up to the length of their batch. */
  readonly padId: number;
  /** Where padding goes; left is for models that read from the end. */
  readonly paddingSide: "left" | "right";
  /** Number of ids, special ones included; the model's embedding must have at least as many rows. */
  readonly vocabSize: number;
  /** Most tokens that the model was made for, or Infinity when the files do not say. */
  readonly modelMaxLength: number;
  readonly #files: TokenizerFiles;
  readonly #padToken: string;
  readonly #definition: string;
  // truncation is state of a native tokenizer, which running batches read: one for each length, Infinity for none
  readonly #natives = new Map<number, NativeTokenizer>();
  /** The one that the constructor needs, until a length claims it: building one takes 20 ms. */
  #unclaimed: NativeTokenizer | undefined;

  /** Reads `tokenizer.json` (or BERT's `vocab.txt`) and what stands beside it; throws `FileError`. */
  static fromFolder(folder: string): Tokenizer {
    return new Tokenizer(readTokenizerFolder(folder));
  }

  private constructor(files: TokenizerFiles) {
    this.#files = files;
    this.#definition = JSON.stringify(files.definition);
    const native = this.#create();
    this.#unclaimed = native;
    const { config } = files;
    [this.#padToken, this.padId] = findPadToken(files, native);
    this.paddingSide = config["padding_side"] === "left" ? "left" : "right";
    this.vocabSize = native.getVocabSize(true);
    const limit = config["model_max_length"];
    this.modelMaxLength = typeof limit === "number" && limit < 1e15 ? limit : Infinity; // HF writes 1e30 for "none"
  }

  /** SHA-256 in hex of what decides which tokens a text has. */
  get hash(): string {
    return createHash("sha256").update(this.#definition).digest("hex");
  }

  /** Encodes texts, or pairs of texts; the main thread only hands over and collects. */
  async encodeBatch(texts: readonly string[], { maxLength, pairs }: EncodeOptions): Promise<EncodedTexts> {
    if (pairs !== undefined && pairs.length !== texts.length) {
      throw new UsageError(
        `encodeBatch: pairs must be as many as texts, got ${pairs.length} and ${texts.length}. Pass one a text.`,
      );
    }
    const [encoded] = await Promise.all([
      this.#encodeChunks(texts, { maxLength, ...(pairs && { pairs }) }),
      this.#checkMaxLength(maxLength, pairs !== undefined),
    ]);
    return encoded;
  }

  /** Writes the files that Python's `AutoTokenizer.from_pretrained` reads, with the same ids as result. */
  save(folder: string): void {
    const { config, vocab } = this.#files;
    const specialTokens = { pad_token: this.#padToken, ...this.#files.specialTokens };
    const named = {
      tokenizer_class: vocab === undefined ? "PreTrainedTokenizerFast" : "BertTokenizer",
      ...specialTokens,
      ...config,
    };
    const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
    writeFileAtomic(join(folder, "tokenizer.json"), this.#definition);
    writeFileAtomic(join(folder, "tokenizer_config.json"), json(named));
    writeFileAtomic(join(folder, "special_tokens_map.json"), json(specialTokens));
    if (vocab !== undefined) writeFileAtomic(join(folder, "vocab.txt"), vocab);
  }

  #create(): NativeTokenizer {
    const { Tokenizer: Native } = require("tokenizers") as typeof import("tokenizers"); // its binary is loaded late
    try {
      return Native.fromString(this.#definition);
    } catch (cause) {
      throw new FileError(
        `${this.#files.folder}: the tokenizer cannot be built (${(cause as Error).message}). ` +
          `Download tokenizer.json again; a file of a newer tokenizers library needs a newer Sconce.`,
        { cause },
      );
    }
  }

  async #checkMaxLength(maxLength: number, isPair: boolean): Promise<void> {
    const numSpecial = (await this.#truncatingAt(maxLength).encode("", isPair ? "" : null)).getLength();
    if (!Number.isInteger(maxLength) || maxLength <= numSpecial) {
      throw new UsageError(
        `dataset.max_length: must be a whole number above the ${numSpecial} special tokens of a row, ` +
          `got ${maxLength}. Set it to 128, say.`,
      );
    }
  }

  // hands the first chunk over before it awaits anything: a caller may block the main thread right after
  async #encodeChunks(texts: readonly string[], { maxLength, pairs }: EncodeOptions): Promise<EncodedTexts> {
    const native = this.#truncatingAt(maxLength);
    const ids: number[][] = [];
    const types: number[][] = [];
    for (let start = 0; start < texts.length; start += chunkSize) {
      const chunk = { native, maxLength, texts: texts.slice(start, start + chunkSize) };
      const encodings =
        pairs === undefined
          ? (await this.#encodeTexts(chunk)).encodings
          : await this.#encodePairs({ ...chunk, pairs: pairs.slice(start, start + chunkSize) });
      for (const encoding of encodings) {
        ids.push(encoding.getIds());
        types.push(encoding.getTypeIds());
      }
    }
    return pack(ids, types);
  }

  #truncatingAt(maxLength: number): NativeTokenizer {
    let native = this.#natives.get(maxLength);
    if (native === undefined) {
      native = this.#unclaimed ?? this.#create();
      this.#unclaimed = undefined;
      if (maxLength < Infinity) native.setTruncation(maxLength, { direction: this.#truncationSide });
      this.#natives.set(maxLength, native);
    }
    return native;
  }

  get #truncationSide(): "left" | "right" {
    return this.#files.config["truncation_side"] === "left" ? "left" : "right";
  }

  /** Encodes the beginnings of long texts, and more of those that turn out to need it. */
  async #encodeTexts({
    native,
    texts,
    maxLength,
  }: Chunk): Promise<{ cuts: string[]; encodings: Encoding[] }> {
    // what is kept of a text that loses its beginning is found at its end
    let limit = this.#truncationSide === "left" ? Infinity : cutLimit(maxLength);
    const cuts = texts.map((text) => cutText(text, limit));
    const encodings = await native.encodeBatch(cuts);
    for (;;) {
      const open = [...cuts.keys()].filter(
        (i) => cuts[i]!.length < texts[i]!.length && encodings[i]!.getOverflowing().length === 0,
      );
      if (open.length === 0) return { cuts, encodings };
      limit *= 4;
      for (const i of open) cuts[i] = cutText(texts[i]!, limit);
      const again = await native.encodeBatch(open.map((i) => cuts[i]!));
      for (const [k, i] of open.entries()) encodings[i] = again[k]!;
    }
  }

  async #encodePairs(chunk: Chunk & { pairs: readonly string[] }): Promise<Encoding[]> {
    const { native, maxLength } = chunk;
    const firsts = await this.#cutLong(chunk);
    const seconds = await this.#cutLong({ ...chunk, texts: chunk.pairs });
    const encodings = await Promise.all(firsts.map((first, i) => native.encode(first, seconds[i]!)));
    return Promise.all(
      encodings.map((encoding, i) =>
        encoding.getLength() < maxLength || encoding.getOverflowing().length === 0
          ? encoding
          : this.#truncatePair([firsts[i]!, seconds[i]!], maxLength),
      ),
    );
  }

  /** Truncates a pair as Python's 0.23.3 does; 0.23.2 gives an odd token to the second text, not the longer. */
  async #truncatePair([first, second]: readonly [string, string], maxLength: number): Promise<Encoding> {
    const whole = this.#truncatingAt(Infinity);
    const [a, b, empty] = await Promise.all([
      whole.encode(first, null, { addSpecialTokens: false }),
      whole.encode(second, null, { addSpecialTokens: false }),
      whole.encode("", ""),
    ]);
    const [keepA, keepB] = longestFirst([a.getLength(), b.getLength()], maxLength - empty.getLength());
    a.truncate(keepA, 0, this.#truncationSide);
    b.truncate(keepB, 0, this.#truncationSide);
    return whole.postProcess(a, b);
  }

  /** Cuts texts so that each still has more tokens than a row can take. */
  async #cutLong({ native, texts, maxLength }: Chunk): Promise<string[]> {
    const result = [...texts];
    const long = [...texts.keys()].filter((i) => texts[i]!.length > cutLimit(maxLength));
    if (long.length === 0) return result;
    const { cuts } = await this.#encodeTexts({ native, maxLength, texts: long.map((i) => texts[i]!) });
    for (const [k, i] of long.entries()) result[i] = cuts[k]!;
    return result;
  }
}

interface Chunk {
  native: NativeTokenizer;
  maxLength: number;
  texts: readonly string[];
}

/** Shares out `budget` tokens by taking from the longer text first, as the tokenizers library does. */
function longestFirst([a, b]: readonly [number, number], budget: number): [number, number] {
  const short = Math.min(a, b);
  const half = Math.floor(budget / 2);
  const keepShort = Math.min(short, half);
  const keepLong = Math.min(Math.max(a, b), budget - keepShort);
  return a > b ? [keepLong, keepShort] : [keepShort, keepLong];
}

/** Texts that are handed over at once: bounds the memory of encodings that wait to be collected. */
const chunkSize = 4096;

/** Characters of a text that are read at first: English has 4 to 5 a token. */
function cutLimit(maxLength: number): number {
  return Math.max(1024, maxLength * 10);
}

function findPadToken({ folder, specialTokens }: TokenizerFiles, native: NativeTokenizer): [string, number] {
  const names = specialTokens["pad_token"] === undefined ? ["[PAD]", "<pad>"] : [specialTokens["pad_token"]];
  for (const name of names) {
    const id = native.tokenToId(name);
    if (id !== null) return [name, id];
  }
  throw new FileError(
    `${folder}: batches need a padding token, the vocabulary lacks ${names.join(" and ")}. ` +
      `Name one of its tokens as "pad_token" in tokenizer_config.json.`,
  );
}

function pack(ids: readonly (readonly number[])[], types: readonly (readonly number[])[]): EncodedTexts {
  const offsets = new Uint32Array(ids.length + 1);
  for (const [i, row] of ids.entries()) offsets[i + 1] = offsets[i]! + row.length;
  const inputIds = new Int32Array(offsets[ids.length]!);
  const typeIds = new Uint8Array(inputIds.length);
  for (let i = 0; i < ids.length; i++) {
    inputIds.set(ids[i]!, offsets[i]!);
    typeIds.set(types[i]!, offsets[i]!);
  }
  return { inputIds, typeIds, offsets };
}
