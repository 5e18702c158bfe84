// Spells libtorch's names in TypeScript.

/** Turns `log_softmax` into `logSoftmax`; a trailing `_` (in place) stays, and so do inner capitals. */
export function camelCase(name: string): string {
  const inPlace = name.endsWith("_");
  const words = (inPlace ? name.slice(0, -1) : name).split("_");
  const [first, ...rest] = words;
  return (
    first + rest.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("") + (inPlace ? "_" : "")
  );
}

// reserved words of ES modules that PyTorch uses as names
const RESERVED = new Set(["var", "in", "default", "function", "delete", "this", "new", "with"]);

/** Returns a name that may be declared in a module: `var` becomes `$var`. */
export function declarable(name: string): string {
  return RESERVED.has(name) ? `$${name}` : name;
}

/** Spells an argument: `self` is `input`, as in PyTorch's own documentation. */
export function argumentName(name: string): string {
  return name === "self" ? "input" : camelCase(name);
}
