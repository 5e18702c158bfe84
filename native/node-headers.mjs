// Finds the headers of Node-API: those of the running Node, else Node's own download.
import { existsSync, realpathSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SetupFailure, say } from "../tools/setup/log.mjs";
import { cacheFolder } from "../tools/setup/paths.mjs";
import { run, tail } from "../tools/setup/run.mjs";

const downloadTimeoutMs = 60_000;

/** Returns the folder that holds node_api.h. */
export async function findNodeHeaders(env = process.env) {
  const prefixes = [
    env["npm_config_nodedir"],
    dirname(dirname(realpathSync(process.execPath))),
    process.config.variables["node_prefix"],
  ];
  const isSet = (prefix) => prefix !== undefined && prefix !== "" && prefix !== "undefined";
  const folders = prefixes.filter(isSet).map((prefix) => join(prefix, "include", "node"));
  const found = folders.find((folder) => existsSync(join(folder, "node_api.h")));
  return found ?? (await fromCache(env));
}

async function fromCache(env) {
  const folder = join(cacheFolder(env), "node-headers", process.version);
  const include = join(folder, `node-${process.version}`, "include", "node");
  if (existsSync(join(include, "node_api.h"))) return include;
  const url =
    process.release.headersUrl ??
    `https://nodejs.org/dist/${process.version}/node-${process.version}-headers.tar.gz`;
  say(`  downloading Node's headers from ${url}`);
  const temporary = `${folder}.${process.pid}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(downloadTimeoutMs) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    await mkdir(temporary, { recursive: true });
    const archive = join(temporary, "headers.tar.gz");
    await writeFile(archive, Buffer.from(await response.arrayBuffer()));
    const { code, output } = await run("tar", ["-xzf", archive, "-C", temporary]);
    if (code !== 0) throw new Error(`tar: ${tail(output, 3)}`);
    await rm(archive);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
    return include;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw new SetupFailure(
      `addon: Node's headers (node_api.h) are not beside ${process.execPath}, and ${url} is out of reach ` +
        `(${error.cause?.code ?? error.message}). Install them (apt install libnode-dev, or Node from nodejs.org, which ` +
        `has them), or name their prefix: npm_config_nodedir=/usr.`,
    );
  }
}
