// Names of options: camelCase in code, snake_case in configs and state dicts.

/** Turns the snake_case keys of a config into the camelCase that optimizers and schedulers take (`T_max` -> `tMax`). */
export function camelCaseKeys(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [camelCase(key), value]));
}

/** Turns the camelCase keys of options into the snake_case of state dicts. */
export function snakeCaseKeys(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [snakeCase(key), value]));
}

const abbreviation = /^[A-Z]+$/;

/** Spells one name in camelCase; an abbreviation (`RMS`) stays as it is. */
export function camelCase(name: string): string {
  if (abbreviation.test(name)) return name;
  const joined = name.replace(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/g, (_, letter: string) =>
    letter.toUpperCase(),
  );
  return joined.charAt(0).toLowerCase() + joined.slice(1);
}

/** Spells one name in snake_case; an abbreviation (`RMS`) stays as it is. */
export function snakeCase(name: string): string {
  if (abbreviation.test(name)) return name;
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
