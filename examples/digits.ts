// Images of digits `[count, 1, 28, 28]` in [0, 1] and their labels `[count]`: MNIST's test set where SCONCE_DATA has
// it, else drawn here from a small font, each at its own place and brightness, with noise.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as torch from "sconce/torch";
import type { Tensor } from "sconce/torch";

export interface Digits {
  images: Tensor; // [count, 1, 28, 28]
  labels: Tensor; // [count]
}

// 5 wide, 7 high; one number per row, its bits are the pixels
const font = [
  [14, 17, 19, 21, 25, 17, 14],
  [4, 12, 4, 4, 4, 4, 14],
  [14, 17, 1, 2, 4, 8, 31],
  [31, 2, 4, 2, 1, 17, 14],
  [2, 6, 10, 18, 31, 2, 2],
  [31, 16, 30, 1, 1, 17, 14],
  [6, 8, 16, 30, 17, 17, 14],
  [31, 1, 2, 4, 8, 8, 8],
  [14, 17, 17, 14, 17, 17, 14],
  [14, 17, 17, 15, 1, 2, 12],
];

/** Returns digits to train on and, as many as a quarter of those, to test with. */
export function loadDigits(count = 2048): { train: Digits; test: Digits } {
  const folder = join(process.env["SCONCE_DATA"] ?? "", "mnist-test");
  const all = existsSync(folder) ? readMnist(folder) : drawDigits(count + count / 4);
  const trained = Math.min(count, all.labels.numel * 0.8);
  return { train: slice(all, 0, trained), test: slice(all, trained, trained + trained / 4) };
}

function drawDigits(count: number): Digits {
  const generator = new torch.Generator(1);
  const labels = torch.randint(10, [count], { generator });
  const places = torch.rand([count, 3], { generator }).tolist() as number[][];
  const pixels = new Float32Array(count * 28 * 28);
  for (const [i, digit] of (labels.tolist() as number[]).entries()) {
    const [down, right, light] = places[i] as [number, number, number];
    const [top, left] = [2 + Math.floor(down * 4), 4 + Math.floor(right * 6)];
    for (let y = 0; y < 21; y++) {
      for (let x = 0; x < 15; x++) {
        const isInk = (font[digit]![Math.floor(y / 3)]! >> (4 - Math.floor(x / 3))) & 1;
        if (isInk) pixels[i * 784 + (top + y) * 28 + left + x] = 0.5 + light / 2;
      }
    }
  }
  const drawn = torch.fromTypedArray(pixels, [count, 1, 28, 28]);
  const noise = torch.randn(drawn.shape, { generator });
  return { images: drawn.add(noise, { alpha: 0.2 }).clamp(0, 1), labels };
}

function readMnist(folder: string): Digits {
  const read = (name: string) => new Uint8Array(gunzipSync(readFileSync(join(folder, name))));
  const images = read("t10k-images-idx3-ubyte.gz").subarray(16);
  const labels = read("t10k-labels-idx1-ubyte.gz").subarray(8);
  return {
    images: torch.fromTypedArray(images, [labels.length, 1, 28, 28]).float().div(255),
    labels: torch.fromTypedArray(labels, [labels.length]).long(),
  };
}

function slice({ images, labels }: Digits, start: number, end: number): Digits {
  return { images: images.narrow(0, start, end - start), labels: labels.narrow(0, start, end - start) };
}
