// Endpoints of users and of what they may do, with those of ./roles.ts, as MLflow 3.17's basic-auth app has them.
import { z } from "zod";
import { invariant, TrackingError } from "../../../base/index.ts";
import { invalid } from "../../validation.ts";
import type { Access } from "../auth/access.ts";
import type { Auth } from "../auth/auth.ts";
import { type ResourceType, allows, grantablePermissions, resourceTypes } from "../auth/permissions.ts";
import type { User, UserStore } from "../auth/user-store.ts";
import { endpoint, required } from "../endpoint.ts";
import type { Endpoint, ServerContext } from "../endpoint.ts";
import { roleEndpoints, toWireRole } from "./roles.ts";

const byName = z.object({ username: required });
const resourceType = z.enum(resourceTypes);
const byResource = byName.extend({ resource_type: resourceType, resource_id: required });
const boolean = z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);
/** The part of MLflow's API that is newer has the version 3.0. */
const newer = "/3.0/mlflow/users";

/** Returns the endpoints that a server with users has. */
export function userEndpoints(auth: Auth): Endpoint[] {
  const { users } = auth;
  return [
    ...roleEndpoints(users),
    endpoint("POST", "/mlflow/users/create", byName.extend({ password: z.string() }), async (input) => ({
      user: toWireUser(await users.create(input)),
    })),
    endpoint("GET", "/mlflow/users/get", byName, async ({ username }) => ({
      user: toWireUser(await users.get(username)),
    })),
    endpoint("GET", "/mlflow/users/list", z.object({}), async (_, context) => {
      const { user: asker, isAdmin } = accessOf(context);
      const withRoles = (await users.list()).map(async (user) => {
        const roles = isAdmin || user.id === asker.id ? await users.roles.ofUser(user.id) : [];
        return { ...toWireUser(user), roles: roles.map(toWireRole) };
      });
      return { users: await Promise.all(withRoles) };
    }),
    endpoint("GET", "/mlflow/users/current", z.object({}), async (_, context) => ({
      user: toWireUser(accessOf(context).user),
      is_basic_auth: true,
    })),
    endpoint(
      "PATCH",
      "/mlflow/users/update-password",
      byName.extend({ password: z.string(), current_password: z.string().optional() }),
      async ({ username, password, current_password: current }, context) => {
        const { user, address } = accessOf(context);
        // who finds an open session must not be able to keep it
        if (user.username === username)
          await checkCurrentPassword(auth, { user, address, current, password });
        await users.setPassword(username, password);
      },
    ),
    endpoint(
      "PATCH",
      "/mlflow/users/update-admin",
      byName.extend({ is_admin: boolean }),
      async ({ username, is_admin }) => users.setAdmin(username, is_admin),
    ),
    endpoint("DELETE", "/mlflow/users/delete", byName, async ({ username }, context) => {
      if (accessOf(context).user.username === username) {
        throw new TrackingError("users: no one can delete their own account. Another admin can.", {
          code: "BAD_REQUEST",
        });
      }
      await users.delete(username);
    }),

    endpoint("GET", `${newer}/current/permissions`, z.object({}), async (_, context) =>
      permissionsOf(users, accessOf(context).user),
    ),
    endpoint("GET", `${newer}/permissions/list`, byName, async ({ username }) =>
      permissionsOf(users, await users.get(username)),
    ),
    endpoint("GET", `${newer}/permissions/get`, byResource, async (input, context) => {
      const access = auth.accessOf(await users.get(input.username), accessOf(context).address);
      // an admin's own grants are shown, as MLflow does; what else an admin may do needs none
      const permission = access.granted(input.resource_type, input.resource_id);
      return { allowed: allows(permission, "use"), permission };
    }),
    endpoint(
      "POST",
      `${newer}/permissions/grant`,
      byResource.extend({ permission: z.enum(grantablePermissions) }),
      async ({ username, resource_type, resource_id, permission }) =>
        users.grant(username, { resourceType: resource_type, pattern: resource_id, permission }),
    ),
    endpoint("POST", `${newer}/permissions/revoke`, byResource, async (input) =>
      users.revoke(input.username, {
        resourceType: input.resource_type satisfies ResourceType,
        pattern: input.resource_id,
      }),
    ),
  ];
}

async function checkCurrentPassword(
  { signIn }: Auth,
  {
    user,
    address,
    current,
    password,
  }: { user: Access["user"]; address: string; current: string | undefined; password: string },
): Promise<void> {
  if (current === undefined || current === "") {
    throw invalid("current_password: it is needed to change one's own password.");
  }
  if (!(await signIn.passwordFits(user, current, address))) {
    throw invalid("current_password: it is not the current password.");
  }
  if (password === current) throw invalid("password: it must differ from the current one.");
}

async function permissionsOf(users: UserStore, { id, isAdmin }: User) {
  const permissions = (await users.listGrants(id)).map((grant) => ({
    role_id: grant.roleId,
    role_name: grant.roleName,
    workspace: grant.workspace,
    resource_type: grant.resourceType,
    resource_pattern: grant.pattern,
    permission: grant.permission,
  }));
  return { is_admin: isAdmin, permissions };
}

function toWireUser({ id, username, isAdmin }: User) {
  return { id, username, is_admin: isAdmin };
}

function accessOf({ access }: ServerContext): Access {
  invariant(access !== undefined, "A request about users came in without one.");
  return access;
}
