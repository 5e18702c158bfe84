// Something done around the forward of every module of a model, for a while.

/** Has modules; every `nn.Module` is one. */
export interface WithModules {
  namedModules(): Iterable<[path: string, module: { forward: (...inputs: never[]) => unknown }]>;
}

/**
 * Calls `around` in the place of each module's forward, until the returned function is called: it must return what `run`
 * returns. The path of the model itself is empty.
 */
export function wrapForwards(
  model: WithModules,
  around: <T>(path: string, module: object, run: () => T) => T,
): () => void {
  const restores = Array.from(model.namedModules(), ([path, owner]) => {
    const own = Object.getOwnPropertyDescriptor(owner, "forward"); // hooks of the module, or an arrow function
    const forward = owner.forward.bind(owner);
    Object.defineProperty(owner, "forward", {
      configurable: true,
      enumerable: false,
      value: (...inputs: never[]) => around(path, owner, () => forward(...inputs)),
    });
    return () => {
      if (own === undefined) delete (owner as { forward?: unknown }).forward;
      else Object.defineProperty(owner, "forward", own);
    };
  });
  return () => {
    for (const restore of restores) restore();
  };
}
