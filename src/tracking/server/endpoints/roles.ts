// Endpoints of roles, as MLflow 3.17's basic-auth app has them.
import { z } from "zod";
import { invalid } from "../../validation.ts";
import { present, wireInteger } from "../../wire.ts";
import { grantablePermissions, resourceTypes } from "../auth/permissions.ts";
import type { Grant } from "../auth/permissions.ts";
import type { Role, RoleAssignment, RolePermission } from "../auth/role-store.ts";
import type { UserStore } from "../auth/user-store.ts";
import { endpoint, listOf, required } from "../endpoint.ts";
import type { Endpoint } from "../endpoint.ts";

const byRole = z.object({ role_id: wireInteger });
const byPermission = z.object({ role_permission_id: wireInteger });
const byUser = z.object({ username: required });
const permission = z.enum(grantablePermissions);
const description = z.string().optional();
const roles = "/3.0/mlflow/roles";

/** Returns the endpoints of roles that a server with users has. */
export function roleEndpoints(users: UserStore): Endpoint[] {
  const store = users.roles;
  return [
    endpoint(
      "POST",
      `${roles}/create`,
      z.object({ name: required, workspace: required, description }),
      async (input) => ({ role: toWireRole(await store.create({ description: undefined, ...input })) }),
    ),
    endpoint("GET", `${roles}/get`, byRole, async ({ role_id }) => ({
      role: toWireRole(await store.get(role_id)),
    })),
    endpoint("GET", `${roles}/list`, z.object({ workspace: listOf(required) }), async ({ workspace }) => ({
      roles: (await store.list(workspace)).map(toWireRole),
    })),
    endpoint(
      "PATCH",
      `${roles}/update`,
      byRole.extend({ name: required.optional(), description }),
      async ({ role_id, ...changes }) => {
        if (changes.name === undefined && changes.description === undefined) {
          throw invalid("roles/update: name or description must be given.");
        }
        return { role: toWireRole(await store.update(role_id, present(changes))) };
      },
    ),
    endpoint("DELETE", `${roles}/delete`, byRole, ({ role_id }) => store.delete(role_id)),
    endpoint(
      "POST",
      `${roles}/permissions/add`,
      byRole.extend({
        resource_type: z.enum([...resourceTypes, "workspace"]),
        resource_pattern: required,
        permission,
      }),
      async ({ role_id, resource_type, resource_pattern, permission: level }) => {
        const grant = { resourceType: resource_type, pattern: resource_pattern, permission: level };
        checkGrant(grant);
        return { role_permission: toWirePermission(await store.addPermission(role_id, grant)) };
      },
    ),
    endpoint("DELETE", `${roles}/permissions/remove`, byPermission, ({ role_permission_id }) =>
      store.removePermission(role_permission_id),
    ),
    endpoint("GET", `${roles}/permissions/list`, byRole, async ({ role_id }) => ({
      role_permissions: (await store.get(role_id)).permissions.map(toWirePermission),
    })),
    endpoint(
      "PATCH",
      `${roles}/permissions/update`,
      byPermission.extend({ permission }),
      async ({ role_permission_id, permission: level }) => ({
        role_permission: toWirePermission(
          await store.updatePermission(role_permission_id, { permission: level, check: checkGrant }),
        ),
      }),
    ),
    endpoint("POST", `${roles}/assign`, byUser.extend(byRole.shape), async ({ username, role_id }) => ({
      assignment: toWireAssignment(await store.assign((await users.get(username)).id, role_id)),
    })),
    endpoint("DELETE", `${roles}/unassign`, byUser.extend(byRole.shape), async ({ username, role_id }) =>
      store.unassign((await users.get(username)).id, role_id),
    ),
    endpoint("GET", `${roles}/users/list`, byRole, async ({ role_id }) => ({
      assignments: (await store.assignments(role_id)).map(toWireAssignment),
    })),
    endpoint("GET", "/3.0/mlflow/users/roles/list", byUser, async ({ username }) => ({
      roles: (await store.ofUser((await users.get(username)).id)).map(toWireRole),
    })),
  ];
}

/** Writes a role. */
export function toWireRole({ id, name, workspace, description: text, permissions }: Role) {
  return { id, name, workspace, description: text, permissions: permissions.map(toWirePermission) };
}

/** MLflow's levels for a whole workspace are to be in it, and to administer it. */
function checkGrant({ resourceType, pattern, permission: level }: Grant): void {
  if (resourceType !== "workspace" || (pattern === "*" && ["USE", "MANAGE"].includes(level))) return;
  throw invalid(
    `permission: for a workspace it must be USE or MANAGE, and its resource_pattern "*", got ${level} and "${pattern}".`,
  );
}

function toWirePermission({ id, roleId, resourceType, pattern, permission: level }: RolePermission) {
  return {
    id,
    role_id: roleId,
    resource_type: resourceType,
    resource_pattern: pattern,
    permission: level,
  };
}

function toWireAssignment({ id, userId, roleId }: RoleAssignment) {
  return { id, user_id: userId, role_id: roleId };
}
