// `hydra.searchpath`: the places that the primary config, or the command line, adds to the search path.
import { type ConfigNode, valueOf } from "../node.ts";
import { select } from "../omega/resolve.ts";
import { formatValue } from "../value.ts";
import { type Override, keyElement } from "./override.ts";
import { problemAt } from "./problem.ts";
import type { Repository } from "./repository.ts";
import type { SearchPathElement } from "./search-path.ts";

/** Returns the added places with where each was written; the command line replaces what the primary config says. */
export function searchPathSetting(
  repository: Repository,
  configName: string | undefined,
  overrides: readonly Override[],
): (SearchPathElement & { origin: ConfigNode["origin"] })[] {
  const override = overrides.find((each) => keyElement(each) === "hydra.searchpath");
  const provider = `hydra.searchpath in ${override === undefined ? "main" : "command-line"}`;
  const primary = configName === undefined ? undefined : repository.find(configName)?.content;
  const setting =
    override?.value ?? (primary?.kind === "map" ? select(primary, "hydra.searchpath") : undefined);
  if (setting === undefined || (setting.kind === "scalar" && setting.value === null)) return [];
  if (setting.kind !== "list") throw notTexts(setting);
  return setting.items.map((item) => {
    if (item.kind !== "scalar" || typeof item.value !== "string") throw notTexts(setting);
    return { provider, path: item.value, origin: item.origin };
  });
}

function notTexts(setting: ConfigNode): Error {
  return problemAt(
    setting.origin,
    `must be a list of places, [file:///srv/conf, pkg://sconce.conf], got ${formatValue(valueOf(setting))}.`,
    "type",
    "hydra.searchpath",
  );
}
