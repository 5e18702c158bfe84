// The files of a Hugging Face tokenizer folder: what must be there, and what they say together.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FileError } from "../base/index.ts";

/** Holds what a tokenizer folder says. */
export interface TokenizerFiles {
  folder: string;
  /** `tokenizer.json`, without the padding and truncation that its maker happened to use. */
  definition: TokenizerDefinition;
  /** `tokenizer_config.json`. */
  config: Readonly<Record<string, unknown>>;
  /** The names of special tokens by role: `pad_token` is "[PAD]". */
  specialTokens: Readonly<Record<string, string>>;
  /** `vocab.txt` as it stands, where there is one. */
  vocab: string | undefined;
}

/** Names the parts of a `tokenizer.json` that matter here; all others pass through. */
export interface TokenizerDefinition {
  truncation: null;
  padding: null;
  added_tokens: { id: number; content: string; special: boolean }[];
  normalizer: { type: string; [option: string]: unknown } | null;
  [part: string]: unknown;
}

/** Reads a folder with `tokenizer.json`, or a BERT folder with `vocab.txt`; throws `FileError`. */
export function readTokenizerFolder(folder: string): TokenizerFiles {
  const config = readJson(join(folder, "tokenizer_config.json")) ?? {};
  const specialTokens = readSpecialTokens(config, readJson(join(folder, "special_tokens_map.json")) ?? {});
  const vocab = readText(join(folder, "vocab.txt"));
  const definition = readJson(join(folder, "tokenizer.json"));
  if (definition !== undefined) {
    checkDefinition(join(folder, "tokenizer.json"), definition);
    const clean = { ...definition, truncation: null, padding: null } as TokenizerDefinition;
    return { folder, definition: withCaseOf(config, clean), config, specialTokens, vocab };
  }
  if (vocab === undefined) {
    throw new FileError(
      `${folder}: a tokenizer needs tokenizer.json, or vocab.txt for BERT; neither is there. ` +
        `Download the model's folder again, or copy the tokenizer of its base model into it.`,
    );
  }
  const bert = { ...bertSpecialTokens, ...specialTokens };
  return {
    folder,
    definition: fromVocab({ folder, vocab, config, bert }),
    config,
    specialTokens: bert,
    vocab,
  };
}

const bertSpecialTokens = {
  unk_token: "[UNK]",
  sep_token: "[SEP]",
  pad_token: "[PAD]",
  cls_token: "[CLS]",
  mask_token: "[MASK]",
};

/** Collects `*_token` entries, each a string or an object with `content`; the config goes before the map. */
function readSpecialTokens(...sources: readonly Readonly<Record<string, unknown>>[]): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const source of sources) {
    for (const [role, value] of Object.entries(source)) {
      if (!role.endsWith("_token") || role in tokens) continue;
      const content =
        typeof value === "object" && value !== null && "content" in value ? value.content : value;
      if (typeof content === "string") tokens[role] = content;
    }
  }
  return tokens;
}

function checkDefinition(path: string, definition: Record<string, unknown>): void {
  const { model, added_tokens } = definition;
  if (typeof model !== "object" || model === null || !Array.isArray(added_tokens)) {
    throw new FileError(
      `${path}: expected "model" and "added_tokens", they are missing. Download the file again.`,
    );
  }
}

/** Lets the config's casing win over that of `tokenizer.json`, as transformers does for BERT. */
function withCaseOf(
  config: Readonly<Record<string, unknown>>,
  definition: TokenizerDefinition,
): TokenizerDefinition {
  if (definition.normalizer?.type !== "BertNormalizer") return definition;
  const normalizer = { ...definition.normalizer };
  if (typeof config["do_lower_case"] === "boolean") normalizer["lowercase"] = config["do_lower_case"];
  if (typeof config["strip_accents"] === "boolean") normalizer["strip_accents"] = config["strip_accents"];
  if (typeof config["tokenize_chinese_chars"] === "boolean") {
    normalizer["handle_chinese_chars"] = config["tokenize_chinese_chars"];
  }
  return { ...definition, normalizer };
}

interface VocabSource {
  folder: string;
  vocab: string;
  config: Readonly<Record<string, unknown>>;
  bert: typeof bertSpecialTokens;
}

/** Builds what transformers' `BertTokenizer` builds from a `vocab.txt`. */
function fromVocab({ folder, vocab, config, bert }: VocabSource): TokenizerDefinition {
  const lines = vocab.split(/\r\n|\n|\r/);
  if (lines.at(-1) === "") lines.pop();
  const ids = new Map(lines.map((token, id) => [token, id]));
  const idOf = (role: keyof typeof bertSpecialTokens): number => {
    const id = ids.get(bert[role]);
    if (id !== undefined) return id;
    throw new FileError(
      `${join(folder, "vocab.txt")}: must contain the ${role} "${bert[role]}", it does not. ` +
        `Add the line, or name the token in tokenizer_config.json.`,
    );
  };
  const roles = Object.keys(bertSpecialTokens) as (keyof typeof bertSpecialTokens)[];
  const special = (role: keyof typeof bertSpecialTokens) => ({
    id: bert[role],
    ids: [idOf(role)],
    tokens: [bert[role]],
  });
  const piece = (role: "cls_token" | "sep_token", type_id: number) => ({
    SpecialToken: { id: bert[role], type_id },
  });
  const sequence = (id: "A" | "B", type_id: number) => ({ Sequence: { id, type_id } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: roles
      .map((role) => ({
        id: idOf(role),
        content: bert[role],
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      }))
      .sort((a, b) => a.id - b.id),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: config["tokenize_chinese_chars"] ?? true,
      strip_accents: config["strip_accents"] ?? null,
      lowercase: config["do_lower_case"] ?? true,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [piece("cls_token", 0), sequence("A", 0), piece("sep_token", 0)],
      pair: [
        piece("cls_token", 0),
        sequence("A", 0),
        piece("sep_token", 0),
        sequence("B", 1),
        piece("sep_token", 1),
      ],
      special_tokens: { [bert.cls_token]: special("cls_token"), [bert.sep_token]: special("sep_token") },
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: bert.unk_token,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function readJson(path: string): Record<string, unknown> | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new FileError(`${path}: not valid JSON (${(cause as Error).message}). Download the file again.`, {
      cause,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FileError(`${path}: expected a JSON object. Download the file again.`);
  }
  return value as Record<string, unknown>;
}
