// What the flags and variables of `sconce server` say about users.
import { UsageError, logger, sqlitePath, suggestion } from "../base/index.ts";
import { UserStore, defaultPermissions } from "../tracking/index.ts";
import type { AuthOptions } from "../tracking/index.ts";
import { besideStore, storeUri } from "./store-uri.ts";

interface Flags {
  "app-name"?: string | undefined;
  "auth-database"?: string | undefined;
  "backend-store-uri"?: string | undefined;
  "default-permission"?: string | undefined;
}

/** Returns the file of users: the one that is named, else basic_auth.db beside the SQLite store or in this folder. */
export function authDatabase(flags: Flags): string {
  const named = flags["auth-database"];
  if (named !== undefined) return sqlitePath(named) ?? named;
  return besideStore(storeUri(flags["backend-store-uri"]), "basic_auth.db") ?? "basic_auth.db";
}

/** Opens the users of a server that has them, with an admin among them; undefined for a server without users. */
export async function openAuth(flags: Flags): Promise<AuthOptions | undefined> {
  const app = flags["app-name"];
  if (app === undefined) {
    for (const flag of ["auth-database", "default-permission"] as const) {
      if (flags[flag] !== undefined)
        throw new UsageError(`--${flag}: it is for a server with users. Add --app-name basic-auth.`);
    }
    return undefined;
  }
  if (app !== "basic-auth") throw new UsageError(`--app-name: it must be basic-auth, got "${app}".`);
  if (process.env["MLFLOW_AUTH_CONFIG_PATH"]) {
    throw new UsageError(
      "MLFLOW_AUTH_CONFIG_PATH: no file of settings is read. Say --auth-database and --default-permission, and unset it.",
    );
  }
  const defaultPermission = permissionOf(flags["default-permission"] ?? "READ");
  const users = await UserStore.open(authDatabase(flags));
  try {
    await ensureAdmin(users);
  } catch (error) {
    await users.close();
    throw error;
  }
  return { users, defaultPermission };
}

/** Warns where passwords would pass a network in the clear. */
export function warnOfPlainHttp(url: string): void {
  const { hostname } = new URL(url);
  if (/^(localhost|127\..*|\[::1\])$/.test(hostname)) return;
  logger.warn(
    `server: passwords come to ${url} unencrypted. Let it listen on this machine alone, behind a proxy that speaks HTTPS.`,
  );
}

function permissionOf(name: string): NonNullable<AuthOptions["defaultPermission"]> {
  const found = defaultPermissions.find((permission) => permission === name);
  if (found !== undefined) return found;
  throw new UsageError(
    `--default-permission: unknown permission "${name}". ${suggestion(name, [...defaultPermissions])}`,
  );
}

/** Makes the first admin of MLflow's variables; a server that nobody can administer does not start. */
async function ensureAdmin(users: UserStore): Promise<void> {
  const password = process.env["MLFLOW_AUTH_ADMIN_PASSWORD"];
  const username = process.env["MLFLOW_AUTH_ADMIN_USERNAME"] ?? "admin";
  if (await users.hasAdmin()) return;
  if (password === undefined || password === "") {
    throw new UsageError(
      `${users.path}: there must be an admin, and there is none. Make one with: sconce server users add NAME --admin ` +
        `--auth-database ${users.path} (or set MLFLOW_AUTH_ADMIN_USERNAME and MLFLOW_AUTH_ADMIN_PASSWORD for the first start).`,
    );
  }
  await users.create({ username, password, isAdmin: true });
  process.stdout.write(`Admin "${username}" was made from MLFLOW_AUTH_ADMIN_PASSWORD; unset it now.\n`);
}
