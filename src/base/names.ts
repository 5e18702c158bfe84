// Names of options: camelCase in code, snake_case in configs and state dicts.

/** Is a name of a config as code spells it: `max_epochs` is `maxEpochs`. */
export type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? Uncapitalize<`${Head}${Capitalize<CamelCase<Tail>>}`>
  : Name;

/** Is a config whose keys are spelled as in code. */
export type CamelCaseKeys<Config> = {
  [Name in keyof Config as Name extends string ? CamelCase<Name> : never]: Config[Name];
};

/** Turns the snake_case keys of a config into the camelCase that code takes (`T_max` -> `tMax`). */
export function camelCaseKeys<Config extends object>(config: Config): CamelCaseKeys<Config> {
  const entries = Object.entries(config).map(([key, value]) => [camelCase(key), value]);
  return Object.fromEntries(entries) as CamelCaseKeys<Config>;
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
