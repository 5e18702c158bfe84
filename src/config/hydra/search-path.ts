// The search path: which places a config may come from, and what their names mean.
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { packageFolder } from "../../base/index.ts";
import type { Origin } from "../node.ts";
import { type ConfigSource, folderSource, storeSource } from "./config-source.ts";
import type { ConfigStore } from "./config-store.ts";
import { hydraConfigs } from "./hydra-config.ts";
import { problemAt } from "./problem.ts";

/** Is one place of the search path, as it is written. */
export interface SearchPathElement {
  /** Who named it; shown by `--info searchpath`. */
  provider: string;
  /** A folder (`conf`, `file:///srv/conf`), or one inside an npm package (`pkg://sconce.conf`). */
  path: string;
}

/** Opens the places of a search path, Hydra's own configs first and the store last. */
export function openSearchPath(
  elements: readonly (SearchPathElement & { origin: Origin })[],
  { store, baseFolder }: { store: ConfigStore; baseFolder: string },
): ConfigSource[] {
  return [
    storeSource(hydraConfigs(), { provider: "hydra", scheme: "pkg", path: "hydra.conf" }),
    ...elements.map((element) => openElement(element, baseFolder)),
    storeSource(store, { provider: "schema", scheme: "structured", path: "" }),
  ];
}

function openElement(
  { provider, path, origin }: SearchPathElement & { origin: Origin },
  baseFolder: string,
): ConfigSource {
  const [, scheme = "file", rest = path] = /^([^:/]*):\/\/(.*)$/su.exec(path) ?? [];
  if (scheme === "file") return folderSource(folderOf(rest, baseFolder), { provider, scheme, path: rest });
  if (scheme !== "pkg")
    throw problemAt(
      origin,
      `a place of the search path begins with file:// or pkg://, got "${path}". Name a folder, or one of a package.`,
    );
  const dotted = rest.replaceAll("/", ".").replace(/\.+$/u, "");
  return folderSource(packagedFolder(rest, baseFolder) ?? join(baseFolder, "node_modules", rest), {
    provider,
    scheme,
    path: rest.startsWith("@") ? rest : dotted,
  });
}

/** Takes a folder from the current one, as Hydra does; what is not there, from the folder of the configs. */
function folderOf(path: string, baseFolder: string): string {
  const here = resolve(path);
  return isFolder(here) ? here : resolve(baseFolder, path);
}

/** Finds `sconce.conf` or `some-package/conf`: a folder of this package, or of one that is installed. */
function packagedFolder(text: string, baseFolder: string): string | undefined {
  const parts = text.split(text.includes("/") ? "/" : ".").filter((part) => part !== "");
  if (parts.includes("..") || parts.length === 0) return undefined;
  const [first, ...inside] = parts;
  if (first === "sconce")
    return packageFolder && join(packageFolder, ...inside.flatMap((part) => part.split(".")));
  const places = createRequire(join(baseFolder, "x.js")).resolve.paths(`${first}/x`) ?? [];
  return places.map((place) => join(place, ...parts)).find(isFolder);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
