// A store in which some calls do something else.

/** Returns a store whose calls are those of `overrides` where it has them, and else those of `store`. */
export function overrideStore<S extends object>(store: S, overrides: Partial<S>): S {
  return new Proxy(store, {
    get(target, key) {
      if (Object.hasOwn(overrides, key)) return overrides[key as keyof S];
      const value: unknown = Reflect.get(target, key, target);
      // private fields are the store's own, not the proxy's
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
