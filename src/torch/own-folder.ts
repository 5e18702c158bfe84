// Where the code of this layer lies, as stacks name it: in the sources, and as one file in dist/.
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this layer, with a separator at its end. */
export const ownFolder = dirname(fileURLToPath(import.meta.url)) + sep;
