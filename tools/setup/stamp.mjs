// Tells quickly whether files have changed: by names, times and sizes, without reading them.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Returns a text that changes when a file does; `names` are files or whole folders of `root`. */
export function stampOf(root, names) {
  const files = names.flatMap((name) => filesOf(root, name));
  return JSON.stringify(
    files.map((name) => {
      const { mtimeMs, size } = statSync(join(root, name));
      return [name, mtimeMs, size];
    }),
  );
}

function filesOf(root, name) {
  const path = join(root, name);
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [name];
  const entries = readdirSync(path, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.map((file) => file.slice(root.length + 1)).sort();
}
