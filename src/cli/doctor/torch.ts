// What libtorch is capable of on this machine; loads it.
import { readFileSync } from "node:fs";
import { SconceError } from "../../base/index.ts";
import type { Dtype } from "../../torch/index.ts";
import type { Finding } from "./finding.ts";

const size = 1024;
const measureMs = 300;

/** Loads libtorch and measures it; what does not load is a finding too. */
export async function checkTorch(): Promise<Finding[]> {
  try {
    const torch = await import("../../torch/index.ts");
    const { backends, getNumThreads, version } = torch;
    const gflops = (dtype: Dtype): string => {
      const perSecond = torch.scope(() => productsPerSecond(torch, dtype));
      return `${((2 * size ** 3 * perSecond) / 1e9).toFixed(0)} GFLOPS`;
    };
    return [
      {
        name: "torch",
        state: "ok",
        detail: `libtorch ${version} loads; ${backends.cpuCapability()}, ${getNumThreads()} threads, CUDA ${backends.cudaAvailable() ? "yes" : "no"}`,
      },
      { name: "float32", state: "ok", detail: `${gflops("float32")} (product of ${size} x ${size})` },
      { name: "bfloat16", state: "ok", detail: `${gflops("bfloat16")}, ${bfloat16Support()}` },
    ];
  } catch (error) {
    if (!SconceError.is(error)) throw error;
    return [{ name: "torch", state: "missing", detail: error.message }];
  }
}

function productsPerSecond(torch: typeof import("../../torch/index.ts"), dtype: Dtype): number {
  const [a, b] = [torch.randn([size, size]).to(dtype), torch.randn([size, size]).to(dtype)];
  const product = (): void => torch.scope(() => void a.matmul(b));
  product(); // the first one prepares kernels
  let best = Infinity;
  const end = performance.now() + measureMs;
  while (performance.now() < end) {
    const start = performance.now();
    product();
    best = Math.min(best, performance.now() - start);
  }
  return 1000 / best;
}

/** Says whether the processor computes in bfloat16 itself. */
function bfloat16Support(): string {
  if (process.arch !== "x64" || process.platform !== "linux") return "support of the processor unknown";
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1]?.split(" ") ?? [];
  const found = ["amx_bf16", "avx512_bf16"].filter((flag) => flags.includes(flag));
  return found.length === 0 ? "emulated: float32 is faster" : `in hardware: ${found.join(", ")}`;
}
