// Images in folders that are named after their classes: root/train/<class>/*.png, and val and test likewise.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { FileError, UsageError, logger, suggestion } from "../../base/index.ts";
import { BaseVisionDataModule } from "../../contracts/index.ts";
import type { ConfigSchema, DataStage, VisionDataConfig, VisionExample } from "../../contracts/index.ts";
import { fromTypedArray } from "../../torch/index.ts";
import type { utils } from "../../torch/index.ts";
import { holdOut } from "./hold-out.ts";
import { imageExamples } from "./image-examples.ts";
import type { ImageOrigin } from "./image-cache.ts";
import type { ImageFile, PlainImage } from "./image-examples.ts";
import { imageDataOptions } from "./schema.ts";

/** Options of `ImageFolderDataModule`. */
export interface ImageFolderConfig extends VisionDataConfig {
  /** Folder that holds `train`, and `val` and `test` if there are such. */
  root: string;
  /** Height and width that the network sees, in pixels. @default 224 */
  size?: number;
  /** Length that the shorter side is brought to before `size` is cut out. @default 256 for each 224 of size */
  resize?: number;
  /** Share of the training images that is held out for validation where root has no `val`. @default 0.1 */
  valShare?: number;
  /** Trains on windows at random places, half of them mirrored, in place of the middle. @default true */
  augment?: boolean;
  /** Folder where decoded images are kept for later epochs and runs. @default none: they are decoded each time */
  cacheFolder?: string;
  /** Gigabytes (10^9 bytes) that the folder may take; what does not fit is decoded each time. @default 20 */
  cacheGb?: number;
}

const noImages: Readonly<Record<ImageOrigin, number>> = {
  kept: 0,
  decoded: 0,
  damaged: 0,
  full: 0,
  unwritable: 0,
};

/**
 * Holds PNG and JPEG images, as torchvision's `ImageFolder`: classes are the folders of `train`, in the order of their
 * names. Images have three channels; they are decoded when they are asked for, or read from `cacheFolder`, where an
 * image of 256 x 341 pixels takes 262 kB.
 *
 * @throws FileError for a missing folder, a class without images, or an image that cannot be read.
 */
export class ImageFolderDataModule extends BaseVisionDataModule<ImageFolderConfig> {
  static override readonly schema: ConfigSchema<any> = z
    .strictObject({
      ...imageDataOptions,
      numWorkers: z.int().min(0).exactOptional(),
      persistentWorkers: z.boolean().exactOptional(),
      size: z.int().min(1).exactOptional(),
      resize: z.int().min(1).exactOptional(),
      valShare: z.number().min(0).lt(1).exactOptional(),
      cacheFolder: z.string().min(1).exactOptional(),
      cacheGb: z.number().positive().exactOptional(),
    })
    .refine(({ cacheFolder, cacheGb }) => cacheGb === undefined || cacheFolder !== undefined, {
      path: ["cacheGb"],
      message: "it goes with cache_folder; name the folder, or leave it out",
    })
    .superRefine(({ root }, { addIssue }) => {
      const found = classFolders(join(root, "train"));
      if (typeof found === "string") addIssue({ code: "custom", path: ["root"], message: found });
    });

  /** Names of the classes, in the order of the labels. */
  readonly classes: readonly string[];
  /** How many images came from where since the last `teardown`, with `cacheFolder`. */
  readonly cacheCounts: Record<ImageOrigin, number> = { ...noImages };
  readonly #size: number;
  readonly #resize: number;
  #problem: string | undefined;

  constructor(config: ImageFolderConfig) {
    super(config);
    const { size = 224, resize = Math.round((size * 256) / 224) } = config;
    if (resize < size) {
      throw new UsageError(
        `ImageFolderDataModule: resize must be size at least, so that there is enough to cut out, got ${resize} and ${size}.`,
      );
    }
    this.#size = size;
    this.#resize = resize;
    this.classes = foldersIn(join(config.root, "train"));
  }

  override setup(stage: DataStage): void {
    const { augment = true, valShare = 0.1, seed = 42 } = this.config;
    if (stage === "test" || stage === "predict") {
      const files = this.#files("test");
      if (files !== undefined) this.parts = { ...this.parts, [stage]: this.#examples(files) };
      return;
    }
    const files = this.#files("train")!;
    const trained = this.#examples(files, { augment });
    const valFiles = this.#files("val");
    this.parts = {
      ...this.parts,
      ...(valFiles === undefined
        ? holdOut({ trained, judged: this.#examples(files) }, Math.floor(valShare * files.length), seed)
        : { train: trained, val: this.#examples(valFiles) }),
    };
  }

  override teardown(): void {
    const { cacheFolder } = this.config;
    const { kept, decoded, damaged, full, unwritable } = this.cacheCounts;
    const total = kept + decoded + damaged + full + unwritable;
    if (cacheFolder === undefined || total === 0) return;
    const share = ((100 * kept) / total).toFixed(1);
    logger.info(`${share} % of ${total} images came out of ${cacheFolder}, the others were decoded`);
    if (damaged > 0) logger.warn(`${damaged} images in ${cacheFolder} were damaged and have been made anew`);
    if (full > 0)
      logger.warn(
        `${cacheFolder}: ${full} images did not fit in and were decoded each time. Raise dataset.cache_gb.`,
      );
    Object.assign(this.cacheCounts, noImages);
  }

  #examples(
    files: readonly ImageFile[],
    { augment = false }: { augment?: boolean } = {},
  ): utils.data.Dataset<VisionExample> {
    const { cacheFolder, cacheGb = 20 } = this.config;
    const cache = cacheFolder === undefined ? undefined : { folder: cacheFolder, maxBytes: cacheGb * 1e9 };
    const args = { files, size: this.#size, resize: this.#resize, augment, ...(cache && { cache }) };
    const examples = imageExamples(args);
    const receive = (example: PlainImage): VisionExample => {
      this.#count(example);
      return { image: fromTypedArray(example.image, [3, this.#size, this.#size]), label: example.label };
    };
    const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
    const module = new URL(`./image-examples${extension}`, import.meta.url).href;
    const copy: utils.data.WorkerCopy<VisionExample> = { module, make: "imageExamples", args, receive };
    return {
      length: files.length,
      get: async (index, context) => receive(await examples.get(index, context)),
      inWorker: (index) => ({ copy, index }),
    };
  }

  #count({ origin, problem }: PlainImage): void {
    if (origin !== undefined) this.cacheCounts[origin]++;
    if (problem === undefined || this.#problem !== undefined) return;
    this.#problem = problem;
    logger.warn(`images are not kept for later epochs: ${problem}. Make room, or leave out cache_folder.`);
  }

  /** Lists the images of a part; undefined where root lacks the part. */
  #files(part: "train" | "val" | "test"): ImageFile[] | undefined {
    const folder = join(this.config.root, part);
    if (!isFolder(folder)) return undefined;
    return foldersIn(folder).flatMap((name) => {
      const label = this.classes.indexOf(name);
      if (label === -1) {
        throw new FileError(
          `ImageFolderDataModule: the classes of ${part} must be among those of train, got ${join(folder, name)}. ${suggestion(name, this.classes)} Rename the folder, or give train/${name} images.`,
        );
      }
      const images = readdirSync(join(folder, name))
        .filter((file) => /\.(png|jpe?g)$/iu.test(file))
        .sort();
      if (images.length === 0) {
        throw new FileError(
          `ImageFolderDataModule: each class must have an image, ${join(folder, name)} has no .png or .jpg file. Add images, or remove the folder.`,
        );
      }
      return images.map((file) => ({ path: join(folder, name, file), label }));
    });
  }
}

function foldersIn(folder: string): string[] {
  const found = classFolders(folder);
  if (typeof found !== "string") return found;
  throw new FileError(`ImageFolderDataModule: ${found}.`);
}

/** Lists the folders in one, by their names, hidden ones left out; where there are none, says so with the remedy. */
function classFolders(folder: string): string[] | string {
  const names = isFolder(folder)
    ? readdirSync(folder).filter((name) => !name.startsWith(".") && isFolder(join(folder, name)))
    : [];
  if (names.length > 0) return names.sort();
  return `${folder} must be a folder with a folder of images for each class, as ${join(folder, "cat", "1.png")}, ${isFolder(folder) ? "it has none" : "there is no such folder"}. Put the images there, or set root`;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
