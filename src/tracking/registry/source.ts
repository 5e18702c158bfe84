// What the source of a version names.

/** Returns the id in a source like `models:/m-ID`. */
export function loggedModelOf(source: string): string | undefined {
  return /^models:\/{1,3}(m-[0-9a-f]+)$/.exec(source)?.[1];
}

/** Returns the version in a source like `models:/NAME/3`. */
export function modelVersionOf(source: string): { name: string; version: number } | undefined {
  const [, name, version] = /^models:\/{1,3}([^/]+)\/(\d+)$/.exec(source) ?? [];
  return name === undefined ? undefined : { name, version: Number(version) };
}
