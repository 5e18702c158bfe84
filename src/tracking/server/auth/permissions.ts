// What a permission allows, and which of a user's grants decides. The levels and rules are those of MLflow 3.17
// (server/auth/permissions.py, server/auth/requirements.py).

/** Is what one may do with a resource. `use` is MLflow's level between reading and writing. */
export type Action = "read" | "use" | "update" | "delete" | "manage";

/** Is a level of access; `DENY` wins over every other grant of the same resource. */
export type Permission = keyof typeof allowedActions;

const allowedActions = {
  NO_PERMISSIONS: [],
  READ: ["read"],
  USE: ["read", "use"],
  EDIT: ["read", "use", "update"],
  MANAGE: ["read", "use", "update", "delete", "manage"],
  DENY: [],
} as const satisfies Record<string, readonly Action[]>;

/** Are the levels that a server may have for what no grant speaks of. */
export const defaultPermissions = ["NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE"] as const;

/** Are the levels that a grant may have; to have none is what `DENY` says. */
export const grantablePermissions = ["READ", "USE", "EDIT", "MANAGE", "DENY"] as const;

/** Are the kinds of resources that grants here are for. */
export const resourceTypes = ["experiment", "registered_model", "prompt"] as const;

/** Is a kind of resource with permissions of its own. */
export type ResourceType = (typeof resourceTypes)[number];

/** Is what a role of a user says about one resource, or about all of its kind (`*`). */
export interface Grant {
  resourceType: string;
  pattern: string;
  permission: string;
}

/**
 * Kinds of MLflow's grants that narrow what an experiment or model allows. This server does not tell these kinds apart,
 * so whoever has such a grant may do nothing, rather than more than was meant.
 */
const finerTypes = new Set(["run", "logged_model", "registered_model_version", "prompt_version"]);

/** Tells whether a level allows an action. */
export function allows(permission: Permission, action: Action): boolean {
  return (allowedActions[permission] as readonly Action[]).includes(action);
}

/** Returns a grant that this server cannot carry out, if there is one. */
export function findFinerGrant(grants: readonly Grant[]): Grant | undefined {
  return grants.find(({ resourceType }) => finerTypes.has(resourceType));
}

/**
 * Returns the level that grants give for a resource. A grant lifts the level above the default; only `DENY` lowers it.
 * The id `*` asks about all resources of a kind, so that grants for single ones are silent.
 */
export function effectivePermission(
  grants: readonly Grant[],
  resourceType: ResourceType,
  { id, byDefault }: { id: string; byDefault: Permission },
): Permission {
  // MLflow's administrator of a workspace; the server has one, the default
  if (grants.some((grant) => grant.resourceType === "workspace" && grant.permission === "MANAGE"))
    return "MANAGE";
  if (findFinerGrant(grants) !== undefined) return "DENY";
  let best = byDefault;
  for (const { resourceType: type, pattern, permission } of grants) {
    if (type !== resourceType || (pattern !== "*" && pattern !== id)) continue;
    if (!isPermission(permission) || permission === "DENY") return "DENY"; // what is not known allows nothing
    if (rank(permission) > rank(best)) best = permission;
  }
  return best;
}

function isPermission(name: string): name is Permission {
  return Object.hasOwn(allowedActions, name);
}

function rank(permission: Permission): number {
  return (defaultPermissions as readonly string[]).indexOf(permission);
}
