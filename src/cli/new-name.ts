// What a new part or use case may be called: a name that files, configs and code all take.
import { UsageError } from "../base/index.ts";

/** YAML and Hydra read these as something else than text, and Windows keeps the others for devices. */
const reserved = new Set(
  "null true false yes no on off inf nan con prn aux nul com1 com2 com3 com4 lpt1 lpt2 lpt3".split(" "),
);

/** Refuses a name that cannot be a file's and a config's at once, with the nearest one that can. */
export function checkName(command: string, name: string): void {
  if (!/^[a-z][\w-]{0,63}$/iu.test(name))
    throw new UsageError(
      `sconce ${command}: a name has up to 64 letters, digits, "_" and "-", and begins with a letter, got ${JSON.stringify(name)}. ${advise(command, nearestName(name))}`,
    );
  if (reserved.has(name.toLowerCase()))
    throw new UsageError(
      `sconce ${command}: "${name}" means something else to configs or systems. ${advise(command, `my_${name.toLowerCase()}`)}`,
    );
}

/** Says which command would do. */
export function advise(command: string, name: string): string {
  return name === "" ? "Choose another." : `Try: sconce ${command} ${name}`;
}

function nearestName(name: string): string {
  const letters = name.normalize("NFKD").replaceAll(/\p{M}/gu, "");
  return letters
    .split(/[^a-z\d]+/iu)
    .filter((part) => part !== "")
    .join("_")
    .replace(/^[\d_]+/u, "")
    .slice(0, 64);
}
