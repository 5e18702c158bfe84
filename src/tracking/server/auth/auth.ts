// The one door through which every request of a server with users passes.
import type { IncomingMessage } from "node:http";
import { TrackingError, logger } from "../../../base/index.ts";
import type { RegistryStore, TrackingStore } from "../../store.ts";
import type { Change } from "../change-feed.ts";
import type { ServerContext } from "../endpoint.ts";
import { Access, Owners } from "./access.ts";
import { type Permission, findFinerGrant } from "./permissions.ts";
import { type Fields, effects, rules } from "./rules.ts";
import { readableStore } from "./readable.ts";
import { SignIn } from "./sign-in.ts";
import type { UserStore } from "./user-store.ts";

/** Says who may sign in, and what they may do with what no grant speaks of. */
export interface AuthOptions {
  users: UserStore;
  /** @default "READ" */
  defaultPermission?: Permission;
}

/** Signs users in and decides about their requests. */
export class Auth {
  readonly users: UserStore;
  readonly signIn: SignIn;
  readonly #store: TrackingStore & RegistryStore;
  readonly #owners: Owners;
  readonly #default: Permission;
  readonly #warned = new Set<string>();

  constructor({ users, defaultPermission = "READ" }: AuthOptions, store: TrackingStore & RegistryStore) {
    this.users = users;
    this.signIn = new SignIn(users);
    this.#store = store;
    this.#owners = new Owners(store);
    this.#default = defaultPermission;
  }

  /** Returns what the user of a request may do; throws a `SignInError` where it names none. */
  async enter(request: IncomingMessage): Promise<Access> {
    const address = addressOf(request);
    const user = await this.signIn.check(request.headers.authorization, address);
    const finer = findFinerGrant(user.grants);
    if (finer !== undefined && !user.isAdmin && !this.#warned.has(user.username)) {
      this.#warned.add(user.username);
      logger.warn(
        `server: user "${user.username}" has a grant for ${finer.resourceType}, which this server cannot tell apart from ` +
          "its experiment or model, and may do nothing until the grant is removed.",
      );
    }
    return this.accessOf(user, address);
  }

  /** Returns what a user may do. */
  accessOf(user: Access["user"], address: string): Access {
    return new Access(user, {
      address,
      store: this.#store,
      owners: this.#owners,
      defaultPermission: this.#default,
    });
  }

  /** Throws unless the user may do what a request asks; `route` is its method and the pattern of its path. */
  async demand(access: Access, route: string, fields: Fields): Promise<void> {
    const rule = Object.hasOwn(rules, route) ? rules[route] : undefined;
    if (rule === undefined) {
      throw new TrackingError(`${route}: closed, because no rule says who may use it.`, {
        code: "PERMISSION_DENIED",
      });
    }
    if (await rule(access, fields)) return;
    throw new TrackingError(
      `Permission denied: ${route} needs more than user "${access.user.username}" may do.`,
      {
        code: "PERMISSION_DENIED",
      },
    );
  }

  /** Carries over to the grants what a request has done. */
  async settle(access: Access, route: string, { fields, answer }: { fields: Fields; answer: object }) {
    if (Object.hasOwn(effects, route)) await effects[route]!(this.users, { access, fields, answer });
  }

  /** Returns what endpoints work with for one user. */
  contextOf(access: Access, context: ServerContext): ServerContext {
    return { ...context, access, ...(!access.isAdmin && { store: readableStore(context.store, access) }) };
  }

  /** Tells whether a user may see a change; they are asked for anew with each. */
  async mayReadNow({ user, address }: Access, change: Change): Promise<boolean> {
    const now = await this.users.find(user.username);
    // with another password it is another session, of another user of that name perhaps
    return now?.passwordHash === user.passwordHash && mayRead(this.accessOf(now, address), change);
  }
}

async function mayRead(access: Access, { kind, id }: Change): Promise<boolean> {
  if (access.isAdmin || kind === "reset") return true;
  if (kind === "experiment") return access.experiment("read", id);
  if (kind === "run") return access.run("read", id);
  if (kind === "logged_model") return access.loggedModel("read", id);
  return access.model("read", id);
}

/** Returns where a request comes from; behind a proxy that is the proxy. */
export function addressOf({ socket }: IncomingMessage): string {
  return socket.remoteAddress ?? "unknown";
}
