// Finds the endpoint of a request.
import { TrackingError } from "../../base/index.ts";
import type { Endpoint, Method } from "./endpoint.ts";

/** Is an endpoint with the values of the parts of its path. */
export interface Route {
  endpoint: Endpoint;
  parameters: Record<string, string>;
}

/**
 * Holds endpoints by their paths; a segment `{name}` matches any one segment, a last `{name*}`
 * any that are left; names come first.
 */
export class Router {
  readonly #fixed = new Map<string, Endpoint[]>();
  readonly #patterns: { segments: string[]; endpoint: Endpoint }[] = [];

  constructor(endpoints: readonly Endpoint[]) {
    for (const endpoint of endpoints) {
      if (endpoint.path.includes("{")) {
        this.#patterns.push({ segments: endpoint.path.split("/"), endpoint });
        continue;
      }
      const alike = this.#fixed.get(endpoint.path) ?? [];
      this.#fixed.set(endpoint.path, [...alike, endpoint]);
    }
  }

  /** Returns the endpoint for a method and path; throws `ENDPOINT_NOT_FOUND`. */
  find(method: string, path: string): Route {
    const fixed = this.#fixed.get(path) ?? [];
    const match = fixed.find(({ methods }) => methods.includes(method as Method));
    if (match !== undefined) return { endpoint: match, parameters: {} };

    const segments = path.split("/");
    const allowed = fixed.flatMap(({ methods }) => methods);
    const patterns = fixed.length > 0 ? [] : this.#patterns; // a name is never read as a value
    for (const { segments: pattern, endpoint } of patterns) {
      const parameters = matchSegments(pattern, segments);
      if (parameters === undefined) continue;
      if (endpoint.methods.includes(method as Method)) return { endpoint, parameters };
      allowed.push(...endpoint.methods);
    }
    const detail = allowed.length > 0 ? ` Methods that it has: ${[...new Set(allowed)].join(", ")}.` : "";
    throw new TrackingError(`${method} ${path.slice(0, 200)}: no such endpoint.${detail}`, {
      code: "ENDPOINT_NOT_FOUND",
    });
  }
}

function matchSegments(
  pattern: readonly string[],
  segments: readonly string[],
): Record<string, string> | undefined {
  const rest = /^\{(\w+)\*\}$/.exec(pattern.at(-1) ?? "")?.[1];
  if (rest !== undefined && segments.length >= pattern.length) {
    const fixed = pattern.length - 1;
    const path = segments.slice(fixed).map(decodeURIComponent).join("/");
    const others = matchSegments(pattern.slice(0, fixed), segments.slice(0, fixed));
    return others && { ...others, [rest]: path };
  }
  if (pattern.length !== segments.length) return undefined;
  const entries: [string, string][] = [];
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? "";
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name === undefined) {
      if (part !== segment) return undefined;
    } else if (segment === "") return undefined;
    else entries.push([name, decodeURIComponent(segment)]);
  }
  return Object.fromEntries(entries);
}
