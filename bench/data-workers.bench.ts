// Images decoded a second by 0, 1 and 2 workers, alone and beside a training step that keeps the main thread busy, and
// how long the loop waits for data: node tools/bench.mjs data-workers
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { ImageFolderDataModule } from "../src/tasks/index.ts";
import { Rng } from "../src/base/index.ts";
import type { utils } from "../src/torch/index.ts";

const numImages = 256;
const batchSize = 16;
const root = mkdtempSync(join(tmpdir(), "sconce-bench-images-"));
await writeImages();

for (const busyMs of [0, 150]) {
  console.log(busyMs === 0 ? "decoding alone" : `beside steps of ${busyMs} ms on the main thread`);
  for (const numWorkers of [0, 1, 2]) {
    const data = ImageFolderDataModule.fromConfig({ root, size: 224, batchSize, numWorkers, valShare: 0 });
    data.setup("fit");
    const loader = data.trainDataloader() as utils.data.DataLoader<unknown, { image: { dispose(): void } }>;
    await loader.next(); // the threads are up
    const start = performance.now();
    let waited = 0;
    let images = 0;
    for (;;) {
      const asked = performance.now();
      const batch = await loader.next();
      if (batch === undefined) break;
      waited += performance.now() - asked;
      images += batchSize;
      batch.image.dispose();
      for (const end = performance.now() + busyMs; performance.now() < end;);
    }
    const seconds = (performance.now() - start) / 1000;
    await loader.close();
    console.log(
      `  workers ${numWorkers}: ${(images / seconds).toFixed(0).padStart(5)} images/s, waiting ${((100 * waited) / 1000 / seconds).toFixed(1).padStart(5)} % of the time`,
    );
  }
}
rmSync(root, { recursive: true });

/** Writes JPEG images of 500 x 375 pixels, as ImageNet's are on average: smooth, with some noise. */
async function writeImages(): Promise<void> {
  const rng = new Rng(1);
  for (let i = 0; i < numImages; i++) {
    const folder = join(root, "train", i % 2 === 0 ? "a" : "b");
    mkdirSync(folder, { recursive: true });
    const data = Buffer.alloc(500 * 375 * 3);
    for (let at = 0; at < data.length; at++) data[at] = ((at / 90) % 200) + rng.below(40);
    await sharp(data, { raw: { width: 500, height: 375, channels: 3 } })
      .jpeg()
      .toFile(join(folder, `${i}.jpg`));
  }
}
