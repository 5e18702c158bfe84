// One line of what the doctor says.

/** Says how it stands with one thing. */
export interface Finding {
  name: string;
  /** `missing` is needed and not there; `note` is worth knowing. */
  state: "ok" | "note" | "missing";
  detail: string;
  /** How to get or mend it. */
  remedy?: string;
}

/** Writes a path with `~` for the home folder. */
export function shortPath(path: string): string {
  const home = process.env["HOME"];
  return home !== undefined && home !== "" && path.startsWith(`${home}/`)
    ? `~${path.slice(home.length)}`
    : path;
}
