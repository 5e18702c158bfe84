// Settings that finders set: where a model or its data has them.
import { camelCase } from "../base/index.ts";
import { BaseDataModule, BaseModel } from "../contracts/index.ts";

/** A setting of an object. */
export interface Setting {
  read(): unknown;
  write(value: number): void;
}

/**
 * Finds a setting in objects and in their `config`, by the first of `names` that any of them has; it is set in all that
 * have it. Undefined where none has one.
 */
export function findSetting(owners: readonly object[], names: readonly string[]): Setting | undefined {
  const holders = owners.flatMap((owner) => {
    const { config } = owner as { config?: unknown };
    return typeof config === "object" && config !== null ? [owner, config] : [owner];
  });
  const spellings = [...new Set(names.flatMap((name) => [name, camelCase(name)]))];
  for (const name of spellings) {
    const having = holders.filter((holder) => name in holder || hasByDefault(owners, holder, name));
    const [first] = having as Record<string, unknown>[];
    if (first === undefined) continue;
    return {
      read: () => first[name],
      write(value) {
        for (const holder of having as Record<string, unknown>[]) holder[name] = value;
      },
    };
  }
  return undefined;
}

/** Tells whether an owner reads a setting of its config that was not given: data modules and models of ours do. */
function hasByDefault(owners: readonly object[], holder: object, name: string): boolean {
  return owners.some((owner) => {
    if ((owner as { config?: unknown }).config !== holder) return false;
    if (owner instanceof BaseDataModule) return name === "batchSize";
    const isUsual =
      owner instanceof BaseModel && owner.configureOptimizers === BaseModel.prototype.configureOptimizers;
    return isUsual && name === "lr";
  });
}
