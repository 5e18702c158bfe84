// The names that `sconce/torch` exports, per namespace of PyTorch.
import * as torch from "../../src/torch/index.ts";

type Names = Readonly<Record<string, unknown>>;

/** Paths in `sconce/torch` where the names of a Python namespace are; several where they are spread. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  torch: [""],
  "torch.linalg": ["linalg"],
  "torch.fft": ["fft"],
  "torch.special": ["special"],
  "torch.nn": ["nn"],
  "torch.nn.functional": ["nn.functional", "nnFunctional"],
  "torch.nn.init": ["nn.init"],
  "torch.nn.utils": ["nn.utils", "nn", "optim"],
  "torch.nn.utils.rnn": ["nn.utils.rnn", "nn.utils", "nn"],
  "torch.nn.utils.parametrize": ["nn.utils.parametrize", "nn.utils"],
  "torch.nn.utils.parametrizations": ["nn.utils.parametrizations", "nn.utils"],
  "torch.optim": ["optim"],
  "torch.optim.lr_scheduler": ["optim.lrScheduler", "optim"],
  "torch.optim.swa_utils": ["optim.swaUtils", "optim"],
  "torch.autograd": ["autograd", ""],
  "torch.autograd.functional": ["autograd.functional", "autograd"],
  "torch.autograd.graph": ["autograd.graph", "autograd"],
  "torch.amp": ["amp", "optim", ""],
  "torch.func": ["func"],
  "torch.random": ["random", ""],
  "torch.utils.checkpoint": ["utils.checkpoint", "utils", "autograd", ""],
  io: [""],
};

/** Names whose spelling is not Python's in camelCase, as `namespace.name`. */
const SPELLINGS: Readonly<Record<string, string>> = {
  "io.load_file": "loadSafetensors",
  "io.save_file": "saveSafetensors",
  "torch.Tensor.numpy": "dataView",
  "torch.from_numpy": "fromTypedArray",
  "torch.set_printoptions": "setPrintOptions",
};

/** Tells whether `sconce/torch` has a name of Python's namespace. */
export function hasName(namespace: string, name: string): boolean {
  const spelled = SPELLINGS[`${namespace}.${name}`] ?? camelCase(name);
  if (namespace === "torch.Tensor") return spelled in torch.Tensor.prototype;
  const places = PATHS[namespace];
  if (places === undefined)
    throw new Error(`parity: the namespace ${namespace} has no place in sconce/torch.`);
  return places.some((path) => spelled in (resolve(path) ?? {}));
}

function resolve(path: string): Names | undefined {
  const steps = path === "" ? [] : path.split(".");
  return steps.reduce<Names | undefined>((names, step) => names?.[step] as Names | undefined, torch as Names);
}

/** Spells a function in camelCase and leaves a class alone. */
function camelCase(name: string): string {
  if (/^[A-Z]/.test(name)) return name;
  return name.replace(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
