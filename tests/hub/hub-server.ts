// A small hub on this machine: answers the resolve addresses as the real one does, and fails on demand.
import { createHash } from "node:crypto";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Holds the state of one repository. */
export interface Repo {
  /** Commit by branch or tag. */
  refs: Record<string, string>;
  /** Files by commit; `.safetensors` are large ones, which another site serves. */
  commits: Record<string, Record<string, Buffer>>;
  /** Token that is asked for. */
  token?: string;
  /** Whether terms are to be accepted, which no token here did. */
  gated?: boolean;
  /** New name, as after a move. */
  movedTo?: string;
}

/** Says how the next fitting request goes wrong. */
export interface Fault {
  site: "hub" | "cdn";
  method?: "GET" | "HEAD";
  /** Answers with this status. */
  status?: number;
  headers?: Record<string, string>;
  /** Closes the connection after so many bytes of the body. */
  cutAfter?: number;
  /** Sends these bytes instead of the file's. */
  content?: Buffer;
  /** Sends the whole file whatever part was asked for. */
  ignoreRange?: boolean;
  /** Never answers. */
  hang?: boolean;
}

/** Remembers a request as the server saw it. */
export interface SeenRequest {
  site: "hub" | "cdn";
  method: string;
  path: string;
  range: string | undefined;
  authorization: string | undefined;
}

/** Serves repositories from memory at `endpoint`, large files from another port. */
export class HubServer {
  readonly repos = new Map<string, Repo>();
  readonly requests: SeenRequest[] = [];
  readonly faults: Fault[] = [];
  readonly #hub: Server;
  readonly #cdn: Server;

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer("hub", request, response));
    this.#cdn = createServer((request, response) => this.#answer("cdn", request, response));
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const site of [server.#hub, server.#cdn]) {
      await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
    }
    return server;
  }

  async stop(): Promise<void> {
    for (const site of [this.#hub, this.#cdn]) {
      site.closeAllConnections();
      await new Promise((resolve) => site.close(resolve));
    }
  }

  get endpoint(): string {
    return address(this.#hub);
  }

  /** Paths of the files that were asked for so far; Python's client asks for other things too. */
  get downloads(): string[] {
    const gets = this.requests.filter(({ method }) => method === "GET");
    const isFile = ({ site, path }: SeenRequest) =>
      site === "cdn" || (path.includes("/resolve/") && !isLarge(path));
    return gets.filter(isFile).map(({ path }) => path);
  }

  /** Adds a repository whose branch main is one commit with these files, and returns that commit. */
  add(name: string, files: Record<string, string | Buffer>, extra: Partial<Repo> = {}): string {
    const content = Object.entries(files).map(([path, bytes]) => [path, Buffer.from(bytes)] as const);
    const hash = createHash("sha1").update(name);
    for (const [path, bytes] of content) hash.update(path).update(bytes);
    const commit = hash.digest("hex");
    this.repos.set(name, {
      refs: { main: commit },
      commits: { [commit]: Object.fromEntries(content) },
      ...extra,
    });
    return commit;
  }

  #answer(site: "hub" | "cdn", request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url: path = "", headers } = request;
    const { range, authorization } = headers;
    this.requests.push({ site, method, path, range, authorization });
    const index = this.faults.findIndex(
      (fault) => fault.site === site && (fault.method ?? method) === method,
    );
    const fault = index < 0 ? undefined : this.faults.splice(index, 1)[0];
    if (fault?.hang === true) return;
    if (fault?.status !== undefined) {
      response.writeHead(fault.status, fault.headers).end();
      return;
    }
    if (site === "hub") this.#resolve(request, response, fault);
    else this.#sendLarge(request, response, fault);
  }

  #resolve(request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    const refuse = (status: number, code: string, headers: Record<string, string> = {}) =>
      void response.writeHead(status, { "x-error-code": code, ...headers }).end();
    const [, name = "", rest = ""] = /^\/(.+?)\/resolve\/(.+)$/u.exec(request.url ?? "") ?? [];
    const repo = this.repos.get(name);
    const { authorization } = request.headers;
    if (repo === undefined) return refuse(401, "RepoNotFound");
    if (repo.movedTo !== undefined) {
      response.writeHead(307, { location: `/${repo.movedTo}/resolve/${rest}` }).end();
      return;
    }
    if (repo.gated === true) return refuse(authorization === undefined ? 401 : 403, "GatedRepo");
    if (repo.token !== undefined && authorization !== `Bearer ${repo.token}`) {
      if (authorization === undefined) return refuse(401, "RepoNotFound");
      return refuse(401, "", { "x-error-message": "Invalid credentials in Authorization header" });
    }
    const [revision = "", ...words] = rest.split("/").map(decodeURIComponent);
    const commit = revision in repo.commits ? revision : repo.refs[revision];
    if (commit === undefined) return refuse(404, "RevisionNotFound");
    const file = words.join("/");
    const content = repo.commits[commit]?.[file];
    if (content === undefined) return refuse(404, "EntryNotFound", { "x-repo-commit": commit });
    if (!isLarge(file)) {
      const etag = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
      return sendContent(request, response, content, { etag: `"${etag}"`, "x-repo-commit": commit }, fault);
    }
    const sha256 = createHash("sha256").update(content).digest("hex");
    response.writeHead(302, {
      location: `${address(this.#cdn)}/${sha256}?signature=once`,
      "x-repo-commit": commit,
      "x-linked-etag": `"${sha256}"`,
      "x-linked-size": String(content.length),
      etag: `"not-the-hash-of-the-file"`,
    });
    response.end();
  }

  #sendLarge(request: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
    const sha256 = /^\/([0-9a-f]{64})\?/u.exec(request.url ?? "")?.[1];
    const files = [...this.repos.values()].flatMap(({ commits }) =>
      Object.values(commits).flatMap(Object.values),
    ) as Buffer[];
    const content = files.find((bytes) => createHash("sha256").update(bytes).digest("hex") === sha256);
    if (content === undefined) response.writeHead(404).end();
    else sendContent(request, response, content, {}, fault);
  }
}

function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  headers: Record<string, string>,
  fault: Fault | undefined,
): void {
  const bytes = fault?.content ?? content;
  const wanted =
    fault?.ignoreRange === true ? undefined : /^bytes=(\d+)-$/u.exec(request.headers.range ?? "")?.[1];
  const start = Number(wanted ?? 0);
  if (wanted !== undefined && start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const range = { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
  response.writeHead(wanted === undefined ? 200 : 206, {
    ...headers,
    ...(wanted !== undefined && range),
    "content-length": String(bytes.length - start),
  });
  if (request.method === "HEAD") response.end();
  else if (fault?.cutAfter === undefined) response.end(bytes.subarray(start));
  else {
    // a while later, so that the other side has read what was sent
    response.write(bytes.subarray(start, start + fault.cutAfter));
    setTimeout(() => response.destroy(), 20);
  }
}

function isLarge(path: string): boolean {
  return path.endsWith(".safetensors");
}

function address(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
