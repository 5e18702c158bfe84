// Users, and what they may do with which resource: the SQLite file that MLflow's basic-auth app calls basic_auth.db,
// with its schema, so that either server can take over from the other.
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { TrackingError } from "../../../base/index.ts";
import type { FoundSchema } from "../../stores/sql/check-schema.ts";
import { type Sql, type SqlRow, unlessTaken } from "../../stores/sql/sql.ts";
import { SqliteDatabase, type SqliteSchema } from "../../stores/sql/sqlite-database.ts";
import { invalid } from "../../validation.ts";
import {
  deleteGrant,
  deleteOwnRole,
  forgetGrants,
  insertGrant,
  renameGrants,
  selectGrants,
  workspace,
} from "./grants.ts";
import type { RoleGrant } from "./grants.ts";
import { checkPassword, hashPassword } from "./password.ts";
import type { Grant } from "./permissions.ts";
import { RoleStore } from "./role-store.ts";
import { authSchemaRevision, authSchemaStatements } from "./schema.generated.ts";

/** Is someone who may sign in. */
export interface User {
  id: number;
  username: string;
  isAdmin: boolean;
}

/** Is a user with what signing in and deciding about requests takes. */
export interface UserRecord extends User {
  passwordHash: string;
  grants: readonly Grant[];
}

const maxNameLength = 255;

const schema: SqliteSchema = {
  versionTable: "alembic_version_auth",
  check: checkAuthSchema,
  statements: authSchemaStatements,
  async insertFirstRows(sql) {
    await sql.run("INSERT INTO alembic_version_auth (version_num) VALUES (?)", authSchemaRevision);
  },
  everyTime: [],
};

/** Keeps users and their grants. */
export class UserStore {
  readonly path: string;
  readonly roles: RoleStore;
  readonly #db: SqliteDatabase;

  private constructor(db: SqliteDatabase) {
    this.#db = db;
    this.path = db.path;
    this.roles = new RoleStore(db);
  }

  /** Opens the file, and creates it, for its owner's eyes only, where it is missing. */
  static async open(path: string): Promise<UserStore> {
    const file = resolve(path);
    mkdirSync(dirname(file), { recursive: true });
    closeSync(openSync(file, "a", 0o600));
    const store = new UserStore(await SqliteDatabase.open(file, { schema }));
    chmodSync(file, 0o600);
    return store;
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  /** Returns a user with all that roles grant them, or undefined. */
  find(username: string): Promise<UserRecord | undefined> {
    return this.#db.read(async (sql) => {
      const row = await sql.first("SELECT * FROM users WHERE username = ?", username);
      if (row === undefined) return undefined;
      const user = toUser(row);
      const grants = await selectGrants(sql, user.id);
      return {
        ...user,
        passwordHash: String(row["password_hash"]),
        grants: grants.filter((grant) => grant.workspace === workspace),
      };
    });
  }

  /** Returns a user who must be there. */
  async get(username: string): Promise<UserRecord> {
    const user = await this.find(username);
    if (user === undefined) throw noSuchUser(username);
    return user;
  }

  list(): Promise<User[]> {
    return this.#db.read(async (sql) => (await sql.all("SELECT * FROM users ORDER BY id")).map(toUser));
  }

  /** Makes a user; a name that is taken or a password that is too weak throws. */
  async create({ username, password, isAdmin = false }: CreateUserInput): Promise<User> {
    checkUsername(username);
    checkPassword(password, username);
    const hash = await hashPassword(password);
    return unlessTaken(`user "${username}": the name is taken. Choose another.`, () =>
      this.#db.write(async (sql) => {
        const row = await sql.first(
          "INSERT INTO users (username, password_hash, is_admin) VALUES (?, ?, ?) RETURNING *",
          username,
          hash,
          isAdmin ? 1 : 0,
        );
        return toUser(row!);
      }),
    );
  }

  async setPassword(username: string, password: string): Promise<void> {
    checkPassword(password, username);
    const hash = await hashPassword(password);
    await this.#db.write(async (sql) => {
      const { id } = await userOf(sql, username);
      await sql.run("UPDATE users SET password_hash = ? WHERE id = ?", hash, id);
    });
  }

  /** Makes an admin of a user, or no admin any more; the last one stays. */
  async setAdmin(username: string, isAdmin: boolean): Promise<void> {
    await this.#db.write(async (sql) => {
      const { id } = await userOf(sql, username);
      await sql.run("UPDATE users SET is_admin = ? WHERE id = ?", isAdmin ? 1 : 0, id);
      await checkAdminLeft(sql);
    });
  }

  /** Removes a user with all grants; the last admin stays. */
  async delete(username: string): Promise<void> {
    await this.#db.write(async (sql) => {
      const { id } = await userOf(sql, username);
      await sql.run("DELETE FROM user_role_assignments WHERE user_id = ?", id);
      await deleteOwnRole(sql, id);
      for (const table of legacyTables) await sql.run(`DELETE FROM ${table} WHERE user_id = ?`, id);
      await sql.run("DELETE FROM users WHERE id = ?", id);
      await checkAdminLeft(sql);
    });
  }

  hasAdmin(): Promise<boolean> {
    return this.#db.read(
      async (sql) => (await sql.first("SELECT 1 FROM users WHERE is_admin LIMIT 1")) !== undefined,
    );
  }

  /** Returns the grants of a user with the roles that they hang on. */
  listGrants(userId: number): Promise<RoleGrant[]> {
    return this.#db.read((sql) => selectGrants(sql, userId));
  }

  /** Grants a user one permission; with `replace` instead of the one that is there, which throws otherwise. */
  async grant(
    username: string,
    grant: Grant,
    { replace = false }: { replace?: boolean } = {},
  ): Promise<void> {
    const { resourceType, pattern } = grant;
    if (pattern.length > maxNameLength) {
      throw invalid(`resource_id: at most ${maxNameLength} characters are allowed, got ${pattern.length}.`);
    }
    const taken = `permission of "${username}" for ${resourceType} "${pattern}": there is one. Revoke it first.`;
    await unlessTaken(taken, () =>
      this.#db.write(async (sql) => {
        const { id } = await userOf(sql, username);
        await insertGrant(sql, id, grant, { replace });
      }),
    );
  }

  /** Takes back what a user was granted; what roles grant stays. */
  async revoke(username: string, resource: Omit<Grant, "permission">): Promise<void> {
    await this.#db.write(async (sql) => {
      const { id } = await userOf(sql, username);
      if (await deleteGrant(sql, id, resource)) return;
      throw new TrackingError(
        `permission of "${username}" for ${resource.resourceType} "${resource.pattern}": the user has none.`,
        { code: "RESOURCE_DOES_NOT_EXIST" },
      );
    });
  }

  /** Takes back what users were granted for a resource, which is gone. Roles that admins made stay. */
  async forget(resourceTypes: readonly string[], pattern: string): Promise<void> {
    await this.#db.write((sql) => forgetGrants(sql, resourceTypes, pattern));
  }

  /** Lets the grants of users follow a resource to its new name. */
  async rename(resourceTypes: readonly string[], names: { from: string; to: string }): Promise<void> {
    if (names.from === names.to) return;
    await this.#db.write((sql) => renameGrants(sql, resourceTypes, names));
  }
}

/** Describes a new user. */
export interface CreateUserInput {
  username: string;
  password: string;
  /** @default false */
  isAdmin?: boolean;
}

/** Tables of MLflow before roles; their rows have to go before the user's. */
const legacyTables = [
  "experiment_permissions",
  "registered_model_permissions",
  "scorer_permissions",
  "gateway_secret_permissions",
  "gateway_endpoint_permissions",
  "gateway_model_definition_permissions",
  "workspace_permissions",
];

async function userOf(sql: Sql, username: string): Promise<User> {
  const row = await sql.first("SELECT * FROM users WHERE username = ?", username);
  if (row === undefined) throw noSuchUser(username);
  return toUser(row);
}

async function checkAdminLeft(sql: Sql): Promise<void> {
  if ((await sql.first("SELECT 1 FROM users WHERE is_admin LIMIT 1")) !== undefined) return;
  throw new TrackingError("users: one admin must stay. Make another user an admin first.", {
    code: "BAD_REQUEST",
  });
}

function checkUsername(username: string): void {
  const problem =
    username === ""
      ? "it must not be empty"
      : username.length > maxNameLength
        ? `it must have at most ${maxNameLength} characters`
        : /[\p{Cc}:]/u.test(username)
          ? "it must have no colon and no control characters: HTTP's sign-in has no place for them"
          : undefined;
  if (problem !== undefined)
    throw invalid(`username: ${problem}, got ${JSON.stringify(username.slice(0, 80))}.`);
}

function toUser(row: SqlRow): User {
  return { id: Number(row["id"]), username: String(row["username"]), isAdmin: Boolean(row["is_admin"]) };
}

function checkAuthSchema({ name, tables, revisions }: FoundSchema): boolean {
  if (tables.size === 0) return false;
  const found = revisions.join(", ");
  if (found === authSchemaRevision && tables.has("role_permissions")) return true;
  throw new TrackingError(
    `${name}: it must be a database of users in MLflow's schema, revision ${authSchemaRevision}, or not exist yet; got ` +
      `${found === "" ? "a database without that revision" : `revision ${found}`}. Upgrade it with MLflow 3.17 ` +
      "(python -m mlflow.server.auth db upgrade --url sqlite:///FILE), or name another file.",
    { code: "INVALID_STATE" },
  );
}

function noSuchUser(username: string): TrackingError {
  return new TrackingError(`user "${username}": no such user is known.`, { code: "RESOURCE_DOES_NOT_EXIST" });
}
