// Calls operators, factories and indices with seeded nonsense: each must give a tensor or throw, never crash. Run by
// fuzz.test.ts in a process of its own, and by tools/sanitize.mjs: SEED and ROUNDS come from the environment.
import * as torch from "../../src/torch/index.ts";
import type { Index } from "../../src/torch/index.ts";

let state = Number(process.env["SEED"] ?? 1);
const rounds = Number(process.env["ROUNDS"] ?? 3000);

/** The mulberry32 generator. */
function random(): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}

const choose = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
const dtypes = ["float32", "float64", "int64", "int32", "bool", "uint8", "bfloat16", "float16", "complex64", "complex128", "float8_e5m2", "uint64"] as const; // prettier-ignore
const shapes = [[], [0], [1], [3], [2, 3], [3, 2], [2, 0, 3], [1, 2, 3], [2, 3, 4, 4]];

function someTensor(): torch.Tensor {
  const x = torch.ones(choose(shapes), { dtype: choose(dtypes) });
  const kind = random();
  if (kind < 0.1) x.dispose();
  else if (kind < 0.2 && x.ndim > 1) return x.transpose(0, 1);
  else if (kind < 0.25) return torch.zeros(choose(shapes), { device: "meta" });
  else if (kind < 0.35 && x.isFloatingPoint()) return x.requiresGrad_();
  return x;
}

function cyclic(): unknown[] {
  const list: unknown[] = [];
  list.push(list);
  return list;
}

/** A list one of whose elements disposes a tensor and throws, or gives something else each time. */
function trap(): unknown {
  const x = torch.ones([2]);
  const list = [1, 2];
  Object.defineProperty(list, choose([0, 1]), {
    get: () => {
      x.dispose();
      if (random() < 0.5) throw new Error("from a getter");
      return choose<unknown>([2, x, "3", 2 ** 70]);
    },
  });
  return choose<unknown>([list, [x, list], { dim: list }]);
}

function detached(): Float32Array {
  const array = new Float32Array(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const numbers = [0, 1, -1, 2, 3, -3, 64, 0.5, -0, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 53, -(2 ** 53), 1e300, 5n, -5n, 2n ** 63n, 2n ** 64n, -(2n ** 70n)]; // prettier-ignore

function anything(depth = 0): unknown {
  const kind = Math.floor(random() * 22);
  if (kind < 7) return someTensor();
  if (kind < 11) return choose(numbers);
  if (kind === 11) return choose([true, false, null, undefined]);
  if (kind === 12)
    return choose([
      "mean",
      "float32",
      "cpu",
      "meta",
      "xy",
      "",
      "nonsense",
      "cuda:99",
      "strided",
      "contiguous",
    ]);
  if (kind === 13) return { re: choose(numbers), im: choose(numbers) };
  if (kind < 17 && depth < 2)
    return Array.from({ length: Math.floor(random() * 4) }, () => anything(depth + 1));
  if (kind === 17) return choose<unknown>([cyclic(), Object.assign([1], { length: 2 ** 32 - 1 }), Object.assign([1], { length: 3 }), Object.create(null), Symbol("s"), () => 1]); // prettier-ignore
  if (kind === 18) return new Proxy([1, 2], { get: (target, key) => Reflect.get(target, key) as unknown });
  if (kind === 19) return trap();
  if (kind === 20) return choose<unknown>([detached(), new Float32Array(6), new BigInt64Array(2), new Uint8Array(0), new DataView(new ArrayBuffer(4))]); // prettier-ignore
  return {
    [choose(["dim", "keepdim", "dtype", "out", "generator", "size", "p", "handle"])]: anything(depth + 1),
  };
}

// what would end the process by design, ask for the whole memory, or change settings of the process
const left =
  /^(save|load|keep|dispose|scope|manualSeed|set|use|threads|trimMemory|leakCheck|cuda|ops|nn|optim|autograd|fft|linalg|special|random|utils|nnFunctional|func|shareMemory|fromShared|noGrad|enableGrad|inferenceMode|autocast|Tensor|Generator|hash|read|drop|backends)/;

type AnyFunction = (...args: unknown[]) => unknown;
const isPlain = (name: string, value: unknown): value is AnyFunction =>
  typeof value === "function" && !/^[A-Z]/.test(name) && !left.test(name);
const spaces = [torch, torch.linalg, torch.fft, torch.special, torch.nnFunctional] as unknown as Record<
  string,
  unknown
>[];
const functions = spaces.flatMap((space) =>
  Object.entries(space).filter(([name, value]) => isPlain(name, value)),
);
const methods = Object.getOwnPropertyNames(
  Object.getPrototypeOf(Object.getPrototypeOf(torch.Tensor.prototype)),
).filter((name) => name !== "constructor" && !/^(backward|set_|resize|pinMemory|cuda)/.test(name));
const counts = { given: 0, refused: 0 };

function attempt(name: string, run: () => unknown): void {
  if (process.env["TRACE"] !== undefined) process.stderr.write(`${name}\n`);
  try {
    torch.scope(() => {
      const result = run();
      if (result instanceof torch.Tensor && !result.isDisposed && result.numel < 1000) result.toString();
    });
    counts.given++;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    counts.refused++;
  }
}

// a size of 2^31 fits in some memories: sizes of factories stay small or absurd
const isHuge = (value: unknown): boolean =>
  Array.isArray(value) ? value.length < 10 && value.some(isHuge) : typeof value === "number" && Math.abs(value) > 1e4 && Math.abs(value) < 2 ** 45; // prettier-ignore

for (let round = 0; round < rounds; round++) {
  const args = Array.from({ length: Math.floor(random() * 5) }, () => anything());
  if (args.some((arg) => { try { return isHuge(arg); } catch { return false; } })) continue; // prettier-ignore
  const kind = random();
  if (kind < 0.45) {
    const [name, call] = choose(functions) as [string, AnyFunction];
    attempt(name, () => call(...args));
  } else if (kind < 0.75) {
    const name = choose(methods);
    attempt(`x.${name}`, () => {
      const member = (someTensor() as unknown as Record<string, unknown>)[name];
      return typeof member === "function" ? (member as AnyFunction).apply(someTensor(), args) : member;
    });
  } else if (kind < 0.85) {
    attempt("x.at", () => someTensor().at(...(args as Index[])));
  } else if (kind < 0.95) {
    attempt("x.setAt", () => someTensor().setAt(args.slice(1) as Index[], args[0] as number));
  } else {
    attempt("fromTypedArray", () =>
      torch.fromTypedArray(args[0] as never, args[1] as never, { copy: random() < 0.5 }),
    );
    attempt("tensor", () => torch.tensor(args[0] as never, args[1] as never));
  }
}
console.log(JSON.stringify(counts));
