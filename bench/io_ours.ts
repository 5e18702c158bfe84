// Loads one file with one of our readers and prints one JSON line, for io.bench.ts: seconds to load, and to read
// every element too with "read". A process of its own for each load, as io_peer.py is.
import { load, loadSafetensors, setNumThreads } from "../src/torch/index.ts";
import type { Tensor } from "../src/torch/index.ts";

const readers: Record<string, (path: string) => Map<string, Tensor>> = {
  loadSafetensors,
  load: (path) => load(path) as Map<string, Tensor>,
};
const [reader, path, mode] = process.argv.slice(2) as [string, string, "open" | "read"];
setNumThreads(1);
const start = performance.now();
const tensors = readers[reader]!(path);
if (mode === "read") for (const tensor of tensors.values()) tensor.sum().dispose();
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, tensors: tensors.size }));
