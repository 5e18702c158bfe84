// Images as bytes before they are tensors: a window of one, mirrored or not. Resizing is done where files are decoded.
// It imports nothing of torch: worker threads load it.
import type { Rng } from "../../base/index.ts";

/** Holds an image; `at` of a channel, row and column is `channel * strides[0] + row * strides[1] + column * strides[2]`. */
export interface Pixels {
  data: Uint8Array;
  channels: number;
  height: number;
  width: number;
  strides: readonly [channel: number, row: number, column: number];
}

/** Is the place of a square in an image; it may reach beyond the edges. */
export interface Square {
  top: number;
  left: number;
  size: number;
  isMirrored: boolean;
}

/** Draws a square within an image that is `padding` wider on every side, and whether it is mirrored. */
export function drawSquare(
  { height, width }: Pixels,
  size: number,
  { rng, padding = 0 }: { rng: Rng; padding?: number },
): Square {
  return {
    top: rng.below(height + 2 * padding - size + 1) - padding,
    left: rng.below(width + 2 * padding - size + 1) - padding,
    size,
    isMirrored: rng.random() < 0.5,
  };
}

/** Returns the square in the middle of an image. */
export function middleSquare({ height, width }: Pixels, size: number): Square {
  return {
    top: Math.round((height - size) / 2),
    left: Math.round((width - size) / 2),
    size,
    isMirrored: false,
  };
}

/** Copies a square out of an image, black beyond its edges: bytes of channel, row and column. */
export function cutOut(
  { data, channels, height, width, strides }: Pixels,
  { top, left, size, isMirrored }: Square,
): Uint8Array {
  const bytes = new Uint8Array(channels * size * size);
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let row = top; row < top + size; row++) {
      const start = channel * strides[0] + row * strides[1];
      for (let i = 0; i < size; i++, at++) {
        const column = left + (isMirrored ? size - 1 - i : i);
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        bytes[at] = data[start + column * strides[2]]!;
      }
    }
  }
  return bytes;
}
