// Images of files as bytes of one size. It imports nothing of torch: worker threads load it.
import type { Rng } from "../../base/index.ts";
import { decodeImage } from "./decode.ts";
import { ImageCache } from "./image-cache.ts";
import type { CachedImage, ImageCacheOptions } from "./image-cache.ts";
import { cutOut, drawSquare, middleSquare } from "./pixels.ts";

/** Is an image file with its class. */
export interface ImageFile {
  path: string;
  label: number;
}

/** Says which squares are cut out of which images. */
export interface ImageExamplesOptions {
  files: readonly ImageFile[];
  /** Height and width of a square, in pixels. */
  size: number;
  /** Length that the shorter side is brought to before. */
  resize: number;
  /** Whether squares are drawn at random, half of them mirrored, in place of the middle. */
  augment: boolean;
  /** @default images are decoded each time */
  cache?: ImageCacheOptions;
}

/** Holds `[3, size, size]` bytes and a class, and where a cache had them from. */
export interface PlainImage extends Partial<Omit<CachedImage, "pixels">> {
  image: Uint8Array;
  label: number;
}

/** Makes examples by index. */
export function imageExamples({ files, size, resize, augment, cache }: ImageExamplesOptions): {
  get(index: number, context: { rng: Rng }): Promise<PlainImage>;
} {
  const kept = cache && new ImageCache(cache);
  return {
    async get(index, { rng }) {
      const { path, label } = files[index]!;
      const { pixels: image, ...origin } = (await kept?.read(path, resize)) ?? {
        pixels: await decodeImage(path, resize),
      };
      const square = augment ? drawSquare(image, size, { rng }) : middleSquare(image, size);
      return { image: cutOut(image, square), label, ...origin };
    },
  };
}
