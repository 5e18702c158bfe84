// Who sends a request. Passwords are dear to check on purpose, so what was checked is remembered for a while, few checks
// run at once, and whoever fails again and again has to wait.
import { createHmac, randomBytes } from "node:crypto";
import { TrackingError } from "../../../base/index.ts";
import { readCredentials } from "./credentials.ts";
import type { Credentials } from "./credentials.ts";
import { hashPassword, verifyPassword } from "./password.ts";
import type { UserRecord, UserStore } from "./user-store.ts";

const rememberMs = 10 * 60_000;
const maxRemembered = 1000;
/** Each check takes a thread and 32 MiB. */
const checksAtOnce = 2;
const maxWaiting = 32;
const freeFailures = 5;
const maxDelayMs = 60_000;
const forgetFailuresMs = 15 * 60_000;
const maxFailing = 10_000;

/** Is a header that named no user with the right password; `username` is set where it named one that there is. */
export class SignInError extends TrackingError {
  readonly username: string | undefined;
  /** Headers that go with the answer. */
  readonly headers: Record<string, string>;

  constructor(
    message: string,
    { code, username, retryAfterS }: { code: string; username?: string | undefined; retryAfterS?: number },
  ) {
    super(message, { code });
    this.username = username;
    this.headers =
      retryAfterS === undefined
        ? { "WWW-Authenticate": 'Basic realm="mlflow", charset="UTF-8"' }
        : { "Retry-After": String(retryAfterS) };
  }
}

interface Failures {
  count: number;
  /** When the next try is looked at. */
  until: number;
  last: number;
}

/** Checks names and passwords of requests. */
export class SignIn {
  readonly #users: UserStore;
  readonly #secret = randomBytes(32);
  /** Which stored hash a name and password were found to fit: a new password or a removed user ends it at once. */
  readonly #remembered = new Map<string, { hash: string; until: number }>();
  readonly #underWay = new Map<string, Promise<boolean>>();
  readonly #failing = new Map<string, Failures>();
  readonly #checks = new Turns(checksAtOnce, maxWaiting);
  #unknownUserHash: Promise<string> | undefined;

  constructor(users: UserStore) {
    this.#users = users;
  }

  /** Returns the user whom a request's `Authorization` names, or throws a `SignInError`. */
  async check(header: string | undefined, address: string): Promise<UserRecord> {
    const credentials = readCredentials(header);
    if (credentials === undefined) {
      throw new SignInError(
        "sign in with a user name and password (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD).",
        { code: "UNAUTHENTICATED" },
      );
    }
    const user = await this.#users.find(credentials.username);
    if (await this.#fits(credentials, user, address)) return user!;
    throw new SignInError("the user name or the password is wrong.", {
      code: "UNAUTHENTICATED",
      username: user?.username,
    });
  }

  /** Tells whether a password is a user's, with the same care as for signing in. */
  passwordFits(user: UserRecord, password: string, address: string): Promise<boolean> {
    return this.#fits({ username: user.username, password }, user, address);
  }

  async #fits(credentials: Credentials, user: UserRecord | undefined, address: string): Promise<boolean> {
    const digest = this.#digest(credentials);
    const remembered = this.#remembered.get(digest);
    if (remembered !== undefined && remembered.until > Date.now() && remembered.hash === user?.passwordHash) {
      return true;
    }
    // requests that come at once with the same name and password wait for one check
    const key = JSON.stringify([digest, user?.passwordHash, address]);
    let check = this.#underWay.get(key);
    if (check === undefined) {
      check = this.#checkOnce(credentials, user, { digest, address }).finally(() =>
        this.#underWay.delete(key),
      );
      this.#underWay.set(key, check);
    }
    return check;
  }

  async #checkOnce(
    { username, password }: Credentials,
    user: UserRecord | undefined,
    { digest, address }: { digest: string; address: string },
  ): Promise<boolean> {
    const place = JSON.stringify([address, username]);
    this.#countTry(place, user?.username); // before the check, so that many at once do not slip through
    // a name that is not there takes as long as one that is
    const hash =
      user?.passwordHash ?? (await (this.#unknownUserHash ??= hashPassword(randomBytes(16).toString("hex"))));
    const fits = (await this.#checks.take(() => verifyPassword(password, hash))) && user !== undefined;
    if (!fits) {
      this.#delayNext(place); // a check may have waited longer than the delay
      return false;
    }
    this.#failing.delete(place);
    remember(this.#remembered, digest, { hash, until: Date.now() + rememberMs }, maxRemembered);
    return true;
  }

  #countTry(place: string, username: string | undefined): void {
    const now = Date.now();
    const known = this.#failing.get(place);
    const before =
      known !== undefined && now - known.last < forgetFailuresMs ? known : { count: 0, until: 0 };
    if (before.until > now) {
      throw new SignInError("too many failed sign-ins. Wait before the next one.", {
        code: "RESOURCE_EXHAUSTED",
        username,
        retryAfterS: Math.ceil((before.until - now) / 1000),
      });
    }
    const count = before.count + 1;
    this.#failing.delete(place); // the last tried come last, and stay longest
    remember(this.#failing, place, { count, until: now + delayAfter(count), last: now }, maxFailing);
  }

  #delayNext(place: string): void {
    const failures = this.#failing.get(place);
    if (failures !== undefined) failures.until = Date.now() + delayAfter(failures.count);
  }

  #digest({ username, password }: Credentials): string {
    return createHmac("sha256", this.#secret)
      .update(JSON.stringify([username, password]))
      .digest("base64");
  }
}

function delayAfter(failures: number): number {
  return failures < freeFailures ? 0 : Math.min(1000 * 2 ** (failures - freeFailures), maxDelayMs);
}

/** Sets an entry, and forgets the oldest where there are too many. */
function remember<V>(map: Map<string, V>, key: string, value: V, maxSize: number): void {
  map.set(key, value);
  if (map.size <= maxSize) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

/** Lets few of many work at once; of those that wait, too many are turned away. */
class Turns {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(atOnce: number, maxWaiting: number) {
    this.#atOnce = atOnce;
    this.#maxWaiting = maxWaiting;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#atOnce) this.#running++;
    else await this.#wait();
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next(); // who waited takes over the place
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new SignInError("too many sign-ins at once. Try again.", {
        code: "TEMPORARILY_UNAVAILABLE",
        retryAfterS: 1,
      });
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
