// Texts and their class, from data files, as the token batches that models of language take.
import { z } from "zod";
import { BaseNLPDataModule } from "../../contracts/index.ts";
import type { ConfigSchema, DataStage, NLPDataConfig } from "../../contracts/index.ts";
import { cellOf } from "../../data/index.ts";
import type { TokenRow } from "../../data/index.ts";
import { FileParts, checkFiles, fileDataOptions } from "./file-parts.ts";
import type { FileDataConfig } from "./file-parts.ts";

/** Options of `TextFileDataModule`. */
export interface TextFileDataConfig extends FileDataConfig, NLPDataConfig {
  /** @default "text" */
  textColumn?: string;
  /** Column of the second texts of pairs. */
  textPairColumn?: string;
  /** @default "label" */
  labelColumn?: string;
}

type Example = TokenRow & { label: number };

/**
 * Holds the texts of CSV, TSV, JSONL, Parquet or Arrow files; streamed, a batch is tokenized while the one before it is
 * trained on.
 *
 * @example
 * const data = new TextFileDataModule({ train: "mails.parquet", tokenizer: "minilm", streaming: true });
 */
export class TextFileDataModule extends BaseNLPDataModule<TextFileDataConfig> {
  static override readonly schema: ConfigSchema<any> = z
    .strictObject({
      ...fileDataOptions,
      tokenizer: z.string().min(1),
      maxLength: z.int().min(1).exactOptional(),
      cacheFolder: z.string().min(1).exactOptional(),
      textColumn: z.string().min(1).exactOptional(),
      textPairColumn: z.string().min(1).exactOptional(),
      labelColumn: z.string().min(1).exactOptional(),
    })
    .superRefine((config, context) => {
      const { textColumn = "text", textPairColumn, labelColumn = "label", streaming, cacheFolder } = config;
      if (streaming === true && cacheFolder !== undefined)
        context.addIssue({
          code: "custom",
          path: ["cacheFolder"],
          message: "tokens are kept of files that are read whole; leave it out, or set streaming to false",
        });
      checkFiles(
        config as TextFileDataConfig,
        {
          textColumn: [textColumn],
          labelColumn: [labelColumn],
          ...(textPairColumn !== undefined && { textPairColumn: [textPairColumn] }),
        },
        context,
      );
    });

  readonly #files: FileParts<Example>;

  constructor(config: TextFileDataConfig) {
    super(config);
    const { textColumn = "text", textPairColumn, labelColumn = "label" } = config;
    this.#files = new FileParts<Example>(config, {
      columns: textPairColumn === undefined ? [textColumn] : [textColumn, textPairColumn],
      labelColumn,
      prepare: async (rows, labels) => {
        const examples = rows.map(({ cells }, row) => ({
          text: cellOf(cells[textColumn]),
          ...(textPairColumn !== undefined && { pair: cellOf(cells[textPairColumn]) }),
          label: labels[row]!,
        }));
        const tokens = await this.tokenize(examples);
        return examples.map((_, index) => tokens.get(index, undefined as never) as Example);
      },
    });
  }

  override setup(stage: DataStage): Promise<void> {
    return this.#files.fill(this, stage);
  }

  fingerprint(): Promise<string> {
    return this.#files.fingerprint();
  }
}
