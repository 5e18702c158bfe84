// Roles: grants that several users have in common. Each user's own role, `__user_<id>__`, is ./grants.ts's business.
import { TrackingError } from "../../../base/index.ts";
import { type Sql, type SqlDatabase, type SqlRow, unlessTaken } from "../../stores/sql/sql.ts";
import { invalid } from "../../validation.ts";
import { ownRolePrefix } from "./grants.ts";
import type { Grant } from "./permissions.ts";

/** Is a role with what it grants. */
export interface Role {
  id: number;
  name: string;
  workspace: string;
  description: string | null;
  permissions: RolePermission[];
}

/** Is one grant of a role. */
export interface RolePermission extends Grant {
  id: number;
  roleId: number;
}

/** Says that a user has a role. */
export interface RoleAssignment {
  id: number;
  userId: number;
  roleId: number;
}

const maxNameLength = 255;

/** Keeps roles in the database of users. */
export class RoleStore {
  readonly #db: SqlDatabase;

  constructor(db: SqlDatabase) {
    this.#db = db;
  }

  create({
    name,
    workspace,
    description,
  }: {
    name: string;
    workspace: string;
    description: string | undefined;
  }): Promise<Role> {
    checkName(name);
    return this.#db.write(async (sql) => {
      const row = await unlessTaken(
        `role "${name}": there is one in the workspace "${workspace}" already.`,
        () =>
          sql.first(
            "INSERT INTO roles (name, workspace, description) VALUES (?, ?, ?) RETURNING *",
            name,
            workspace,
            description ?? null,
          ),
      );
      return toRole(sql, row!);
    });
  }

  get(roleId: number): Promise<Role> {
    return this.#db.read(async (sql) => toRole(sql, await roleRow(sql, roleId)));
  }

  /** Returns the roles of all workspaces, or of some. */
  list(workspaces: readonly string[]): Promise<Role[]> {
    return this.#db.read(async (sql) => {
      const rows = await sql.all("SELECT * FROM roles ORDER BY id");
      const wanted = rows.filter(
        (row) => workspaces.length === 0 || workspaces.includes(String(row["workspace"])),
      );
      return toRoles(sql, wanted);
    });
  }

  /** Returns the roles that a user has, with their own. */
  ofUser(userId: number): Promise<Role[]> {
    return this.#db.read(async (sql) => {
      const rows = await sql.all(
        "SELECT roles.* FROM roles JOIN user_role_assignments ON roles.id = role_id WHERE user_id = ? ORDER BY roles.id",
        userId,
      );
      return toRoles(sql, rows);
    });
  }

  update(
    roleId: number,
    { name, description }: { name?: string | undefined; description?: string | undefined },
  ): Promise<Role> {
    if (name !== undefined) checkName(name);
    return this.#db.write(async (sql) => {
      await sharedRoleRow(sql, roleId);
      await unlessTaken(`role "${name}": there is one in the workspace already.`, () =>
        sql.run(
          "UPDATE roles SET name = COALESCE(?, name), description = COALESCE(?, description) WHERE id = ?",
          name ?? null,
          description ?? null,
          roleId,
        ),
      );
      return toRole(sql, await roleRow(sql, roleId));
    });
  }

  delete(roleId: number): Promise<void> {
    return this.#db.write(async (sql) => {
      await sharedRoleRow(sql, roleId);
      await sql.run("DELETE FROM role_permissions WHERE role_id = ?", roleId);
      await sql.run("DELETE FROM user_role_assignments WHERE role_id = ?", roleId);
      await sql.run("DELETE FROM roles WHERE id = ?", roleId);
    });
  }

  addPermission(roleId: number, { resourceType, pattern, permission }: Grant): Promise<RolePermission> {
    if (pattern.length > maxNameLength) {
      throw invalid(
        `resource_pattern: at most ${maxNameLength} characters are allowed, got ${pattern.length}.`,
      );
    }
    return this.#db.write(async (sql) => {
      await sharedRoleRow(sql, roleId);
      const row = await unlessTaken(
        `role ${roleId}: it has a permission for ${resourceType} "${pattern}" already.`,
        () =>
          sql.first(
            "INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission) " +
              "VALUES (?, ?, ?, ?) RETURNING *",
            roleId,
            resourceType,
            pattern,
            permission,
          ),
      );
      return toPermission(row!);
    });
  }

  /** Sets the level of a permission, which must fit the kind of its resource. */
  updatePermission(
    permissionId: number,
    { permission, check }: { permission: string; check: (grant: Grant) => void },
  ): Promise<RolePermission> {
    return this.#db.write(async (sql) => {
      const found = { ...(await permissionOf(sql, permissionId)), permission };
      check(found);
      await sql.run("UPDATE role_permissions SET permission = ? WHERE id = ?", permission, permissionId);
      return found;
    });
  }

  removePermission(permissionId: number): Promise<void> {
    return this.#db.write(async (sql) => {
      await permissionOf(sql, permissionId);
      await sql.run("DELETE FROM role_permissions WHERE id = ?", permissionId);
    });
  }

  assign(userId: number, roleId: number): Promise<RoleAssignment> {
    return this.#db.write(async (sql) => {
      await sharedRoleRow(sql, roleId);
      const row = await unlessTaken(`role ${roleId}: the user has it already.`, () =>
        sql.first(
          "INSERT INTO user_role_assignments (user_id, role_id) VALUES (?, ?) RETURNING *",
          userId,
          roleId,
        ),
      );
      return toAssignment(row!);
    });
  }

  unassign(userId: number, roleId: number): Promise<void> {
    return this.#db.write(async (sql) => {
      const removed = await sql.run(
        "DELETE FROM user_role_assignments WHERE user_id = ? AND role_id = ?",
        userId,
        roleId,
      );
      if (removed === 0) throw missing(`role ${roleId}: the user does not have it`);
    });
  }

  assignments(roleId: number): Promise<RoleAssignment[]> {
    return this.#db.read(async (sql) => {
      await roleRow(sql, roleId);
      const rows = await sql.all("SELECT * FROM user_role_assignments WHERE role_id = ? ORDER BY id", roleId);
      return rows.map(toAssignment);
    });
  }
}

async function roleRow(sql: Sql, roleId: number): Promise<SqlRow> {
  const row = await sql.first("SELECT * FROM roles WHERE id = ?", roleId);
  if (row === undefined) throw missing(`role ${roleId}: no such role is known`);
  return row;
}

/** Returns a role that is no user's own: whoever got that would have all that the user was granted. */
async function sharedRoleRow(sql: Sql, roleId: number): Promise<SqlRow> {
  const row = await roleRow(sql, roleId);
  if (!String(row["name"]).startsWith(ownRolePrefix)) return row;
  throw invalid(`role ${roleId}: it is one user's own. Grant and revoke that user's permissions instead.`);
}

async function permissionOf(sql: Sql, permissionId: number): Promise<RolePermission> {
  const row = await sql.first("SELECT * FROM role_permissions WHERE id = ?", permissionId);
  if (row === undefined) throw missing(`role permission ${permissionId}: no such permission is known`);
  return toPermission(row);
}

async function toRoles(sql: Sql, rows: readonly SqlRow[]): Promise<Role[]> {
  const roles: Role[] = [];
  for (const row of rows) roles.push(await toRole(sql, row));
  return roles;
}

async function toRole(sql: Sql, row: SqlRow): Promise<Role> {
  const id = Number(row["id"]);
  const permissions = await sql.all("SELECT * FROM role_permissions WHERE role_id = ? ORDER BY id", id);
  return {
    id,
    name: String(row["name"]),
    workspace: String(row["workspace"]),
    description: row["description"] === null ? null : String(row["description"]),
    permissions: permissions.map(toPermission),
  };
}

function toPermission(row: SqlRow): RolePermission {
  return {
    id: Number(row["id"]),
    roleId: Number(row["role_id"]),
    resourceType: String(row["resource_type"]),
    pattern: String(row["resource_pattern"]),
    permission: String(row["permission"]),
  };
}

function toAssignment(row: SqlRow): RoleAssignment {
  return { id: Number(row["id"]), userId: Number(row["user_id"]), roleId: Number(row["role_id"]) };
}

function checkName(name: string): void {
  if (name.trim() === "" || name.length > maxNameLength) {
    throw invalid(`role: its name must have 1 to ${maxNameLength} characters, got ${name.length}.`);
  }
  if (name.startsWith(ownRolePrefix)) {
    throw invalid(`role "${name}": names that begin with ${ownRolePrefix} are users' own. Choose another.`);
  }
}

function missing(message: string): TrackingError {
  return new TrackingError(`${message}.`, { code: "RESOURCE_DOES_NOT_EXIST" });
}
