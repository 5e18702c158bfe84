// Decodes image files with sharp, which is loaded with the first of them.
import { readFile } from "node:fs/promises";
import { FileError } from "../../base/index.ts";
import type { Pixels } from "./pixels.ts";

/**
 * Reads an image as red, green and blue, resized so that its shorter side is `shorterSide` pixels long. Transparency is
 * left out, as Pillow's `convert("RGB")` does. `bytes` are those of the file, where they are known already.
 */
export async function decodeImage(path: string, shorterSide: number, bytes?: Uint8Array): Promise<Pixels> {
  const { default: sharp } = await import("sharp");
  try {
    const { data, info } = await sharp(bytes ?? path, { failOn: "error" })
      .removeAlpha()
      .resize({ width: shorterSide, height: shorterSide, fit: "outside", kernel: "linear" })
      .toColourspace("srgb") // grey, CMYK and 16-bit images too become three bytes a pixel
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    return { data, channels: 3, height, width, strides: [1, 3 * width, 3] };
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Reads the bytes of an image file. */
export async function readImageFile(path: string): Promise<Buffer> {
  return readFile(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

/** Names the versions of what decodes: other ones may give other pixels. */
export async function decoderVersion(): Promise<string> {
  const { default: sharp } = await import("sharp");
  return JSON.stringify(sharp.versions);
}

function unreadable(path: string, error: unknown): FileError {
  return new FileError(
    `ImageFolderDataModule: ${path} must be a PNG or JPEG image, it cannot be read: ${reasonOf(error)}. Replace it, or remove it.`,
    { cause: error },
  );
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split("\n")[0]!.replace(/\.$/u, "");
}
