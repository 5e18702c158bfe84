// What users are granted, in SQL. As in MLflow, what one user alone is granted hangs on a role of their own,
// `__user_<id>__`. Each function expects to run inside a transaction.
import type { Sql, SqlRow } from "../../stores/sql/sql.ts";
import type { Grant } from "./permissions.ts";

/** Is a grant with the role that it hangs on. */
export interface RoleGrant extends Grant {
  roleId: number;
  roleName: string;
  workspace: string;
}

/** MLflow's workspace where none are set up; this server has no others. */
export const workspace = "default";

/** Begins the names of the roles that are one user's own. */
export const ownRolePrefix = "__user_";

const ofUsers = `role_id IN (SELECT id FROM roles WHERE name GLOB '${ownRolePrefix}[0-9]*__')`;

/** Returns the grants of a user with the roles that they hang on. */
export async function selectGrants(sql: Sql, userId: number): Promise<RoleGrant[]> {
  const rows = await sql.all(
    "SELECT roles.id AS role_id, roles.name AS role_name, workspace, resource_type, resource_pattern, permission " +
      "FROM user_role_assignments JOIN roles ON roles.id = user_role_assignments.role_id " +
      "JOIN role_permissions ON role_permissions.role_id = roles.id WHERE user_id = ? ORDER BY role_permissions.id",
    userId,
  );
  return rows.map(toRoleGrant);
}

/** Grants a user one permission; one that is there already is replaced, or violates what is unique. */
export async function insertGrant(
  sql: Sql,
  userId: number,
  { resourceType, pattern, permission }: Grant,
  { replace }: { replace: boolean },
): Promise<void> {
  await sql.run(
    "INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission) VALUES (?, ?, ?, ?)" +
      (replace
        ? " ON CONFLICT (role_id, resource_type, resource_pattern) DO UPDATE SET permission = excluded.permission"
        : ""),
    await ownRole(sql, userId),
    resourceType,
    pattern,
    permission,
  );
}

/** Takes back what a user was granted, and tells whether there was something. */
export async function deleteGrant(
  sql: Sql,
  userId: number,
  { resourceType, pattern }: Omit<Grant, "permission">,
): Promise<boolean> {
  const removed = await sql.run(
    "DELETE FROM role_permissions WHERE resource_type = ? AND resource_pattern = ? AND role_id IN " +
      "(SELECT id FROM roles WHERE name = ? AND workspace = ?)",
    resourceType,
    pattern,
    ownRoleName(userId),
    workspace,
  );
  return removed > 0;
}

/** Takes back what users were granted for a resource. */
export async function forgetGrants(
  sql: Sql,
  resourceTypes: readonly string[],
  pattern: string,
): Promise<void> {
  for (const type of resourceTypes) {
    await sql.run(
      `DELETE FROM role_permissions WHERE resource_type = ? AND resource_pattern = ? AND ${ofUsers}`,
      type,
      pattern,
    );
  }
}

/** Lets the grants of users follow a resource to its new name. */
export async function renameGrants(
  sql: Sql,
  resourceTypes: readonly string[],
  { from, to }: { from: string; to: string },
): Promise<void> {
  await forgetGrants(sql, resourceTypes, to); // left by a model that went without this server
  for (const type of resourceTypes) {
    await sql.run(
      `UPDATE role_permissions SET resource_pattern = ? WHERE resource_type = ? AND resource_pattern = ? AND ${ofUsers}`,
      to,
      type,
      from,
    );
  }
}

/** Removes a user's own role with what it grants. */
export async function deleteOwnRole(sql: Sql, userId: number): Promise<void> {
  const role = await sql.first("SELECT id FROM roles WHERE name = ?", ownRoleName(userId));
  if (role === undefined) return;
  await sql.run("DELETE FROM role_permissions WHERE role_id = ?", role["id"]!);
  await sql.run("DELETE FROM user_role_assignments WHERE role_id = ?", role["id"]!);
  await sql.run("DELETE FROM roles WHERE id = ?", role["id"]!);
}

/** Returns the id of a user's own role, made where it is missing. */
async function ownRole(sql: Sql, userId: number): Promise<number> {
  const name = ownRoleName(userId);
  await sql.run("INSERT INTO roles (name, workspace) VALUES (?, ?) ON CONFLICT DO NOTHING", name, workspace);
  const row = await sql.first("SELECT id FROM roles WHERE name = ? AND workspace = ?", name, workspace);
  const roleId = Number(row?.["id"]);
  await sql.run(
    "INSERT INTO user_role_assignments (user_id, role_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
    userId,
    roleId,
  );
  return roleId;
}

function ownRoleName(userId: number): string {
  return `${ownRolePrefix}${userId}__`;
}

function toRoleGrant(row: SqlRow): RoleGrant {
  return {
    roleId: Number(row["role_id"]),
    roleName: String(row["role_name"]),
    workspace: String(row["workspace"]),
    resourceType: String(row["resource_type"]),
    pattern: String(row["resource_pattern"]),
    permission: String(row["permission"]),
  };
}
