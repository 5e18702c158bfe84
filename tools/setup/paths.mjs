// Where set-up puts things.
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the project (or of the installed package). */
export const projectRoot = resolve(fileURLToPath(new URL("../..", import.meta.url)));

/** What is built for this machine: the addon, and which libtorch it was built with. */
export const buildFolder = join(projectRoot, "native", "build");

/** Returns the folder of downloads that all checkouts share: `SCONCE_CACHE`, else `XDG_CACHE_HOME`/sconce. */
export function cacheFolder(env = process.env) {
  const { SCONCE_CACHE: own, XDG_CACHE_HOME: xdg } = env;
  if (own !== undefined && own !== "") return resolve(own);
  return join(xdg !== undefined && xdg !== "" ? resolve(xdg) : join(homedir(), ".cache"), "sconce");
}
