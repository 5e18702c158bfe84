// A MongoDB server for tests: the one that SCONCE_TEST_MONGODB_URI names, an installed `mongod`, or a small one in Java.
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../tools/setup/paths.mjs";

const given = process.env["SCONCE_TEST_MONGODB_URI"];
const sources = fileURLToPath(new URL("../tools/mongo", import.meta.url));
const has = (program: string, flag: string) => spawnSync(program, [flag], { stdio: "ignore" }).status === 0;
const hasMongod = given === undefined && has("mongod", "--version");
const canBuild = given === undefined && !hasMongod && has("javac", "-version") && has("mvn", "-v");

/** Says why tests that need MongoDB are left out, or undefined when they can run. */
export const mongoSkipReason: string | undefined =
  given !== undefined || hasMongod || canBuild
    ? undefined
    : "install mongod, or Java 17 with Maven, or set SCONCE_TEST_MONGODB_URI to a server";

/** Is a server that a test may use. */
export interface MongoTestServer {
  /** Returns the URI of a database that does not exist yet. */
  newDatabase(): string;
  /** Ends the server as an administrator would, and starts it again; absent for a server that was there. */
  restart?: () => Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server, or takes the one that is named. */
export async function startMongo(): Promise<MongoTestServer> {
  if (given !== undefined) return { newDatabase: () => withDatabase(given), stop: async () => {} };
  if (!hasMongod && !canBuild) {
    throw new Error(
      "MongoDB for tests: install mongod, or Java 17 with Maven, or set SCONCE_TEST_MONGODB_URI.",
    );
  }
  const folder = mkdtempSync(join(tmpdir(), "sconce-mongo-"));
  const port = await freePort();
  const [command, words] = hasMongod
    ? ["mongod", ["--dbpath", folder, "--port", String(port), "--bind_ip", "127.0.0.1", "--quiet"]]
    : ["java", javaWords(build(), port, join(folder, "data.h2"))];
  const start = async () => {
    const child = spawn(command, words, { stdio: ["ignore", "ignore", "inherit"] });
    await untilAnswered(child, port);
    return child;
  };
  let child = await start();
  const end = () => child.kill();
  process.on("exit", end);
  const stop = async () => {
    const isGone = once(child, "exit");
    child.kill("SIGTERM");
    await isGone;
  };
  return {
    newDatabase: () => withDatabase(`mongodb://127.0.0.1:${port}/`),
    restart: async () => {
      await stop();
      child = await start();
    },
    stop: async () => {
      process.off("exit", end);
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Builds the Java server once into the cache that set-up uses, and returns its folder. */
function build(): string {
  const built = join(cacheFolder(process.env), "mongo-test-server-1.47.0");
  if (existsSync(built)) return built;
  mkdirSync(cacheFolder(process.env), { recursive: true });
  const draft = mkdtempSync(`${built}-`);
  cpSync(sources, draft, { recursive: true });
  const run = (program: string, ...words: string[]) =>
    execFileSync(program, words, { cwd: draft, stdio: ["ignore", "ignore", "inherit"] });
  run("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib");
  run("javac", "-cp", "lib/*", "MongoTestServer.java");
  try {
    renameSync(draft, built);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(built)) throw error; // else another process was faster
  }
  return built;
}

function javaWords(folder: string, port: number, file: string): string[] {
  const classPath = `${join(folder, "lib")}/*:${folder}`;
  return ["-Xmx512m", "-XX:+UseSerialGC", "-cp", classPath, "MongoTestServer", String(port), file];
}

async function untilAnswered(child: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`MongoDB for tests: it ended with ${child.exitCode}.`);
    if (await answers(port)) return;
    await delay(100);
  }
  throw new Error("MongoDB for tests: no answer within 30 s.");
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function withDatabase(uri: string): string {
  const [, server, options = ""] = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(uri) ?? [];
  return `${server}/sconce_test_${randomBytes(5).toString("hex")}${options}`;
}
