// Which components the sections of a training of registered parts may name: the built-in ones, and what plugins registered.
import { callbackKind } from "./callbacks.ts";
import type { ComponentKind } from "./components.ts";
import { moduleLoggerKind } from "./module-loggers.ts";
import { type SectionKinds, useCaseKinds } from "./normalize-use-case.ts";

/** Names of registered components by their kind. */
export interface RegisteredNames {
  callback: readonly string[];
  logger: readonly string[];
  optimizer: readonly string[];
  scheduler: readonly string[];
  strategy: readonly string[];
}

/** Is what a config may name where nothing is registered. */
export const nothingRegistered: RegisteredNames = {
  callback: [],
  logger: [],
  optimizer: [],
  scheduler: [],
  strategy: [],
};

/** Returns the kinds of such a training's sections. */
export function moduleKinds({ callback, logger, optimizer, scheduler }: RegisteredNames): SectionKinds {
  return {
    optimizer: withRegistered(useCaseKinds["optimizer"]!, optimizer),
    scheduler: withRegistered(useCaseKinds["scheduler"]!, scheduler),
    callbacks: withRegistered(callbackKind, callback),
    loggers: withRegistered(moduleLoggerKind, logger),
  };
}

function withRegistered(kind: ComponentKind, names: readonly string[]): ComponentKind {
  const registered = names.map((name) => ({ name, classes: [], isRegistered: true }));
  return { ...kind, components: [...kind.components, ...registered] };
}
