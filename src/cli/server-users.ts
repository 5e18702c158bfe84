// `sconce server users`: the people who may sign in to a tracking server.
import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { UsageError, printable } from "../base/index.ts";
import { UserStore } from "../tracking/index.ts";
import { noWords, onlyWord, parseWords, runAction } from "./command.ts";
import { authDatabase } from "./server-auth.ts";

const options = {
  "auth-database": { type: "string" },
  "backend-store-uri": { type: "string" },
} as const;

/** Runs `users add`, `users remove`, `users set-password` or `users list`. */
export async function runUsers(words: readonly string[]): Promise<number> {
  const actions = { add: addUser, "set-password": setPassword, remove: removeUser, list: listUsers };
  return runAction("server users", actions, words);
}

async function addUser(words: readonly string[]): Promise<number> {
  const command = "server users add";
  const { flags, positionals } = parseWords(command, words, {
    ...options,
    admin: { type: "boolean", default: false },
  });
  const username = onlyWord(command, "a name", positionals);
  return withUsers(flags, async (users) => {
    await users.create({ username, password: await readPassword(), isAdmin: flags.admin });
    process.stdout.write(`${flags.admin ? "Admin" : "User"} "${username}" is in ${users.path}\n`);
  });
}

async function setPassword(words: readonly string[]): Promise<number> {
  const command = "server users set-password";
  const { flags, positionals } = parseWords(command, words, options);
  const username = onlyWord(command, "a name", positionals);
  return withUsers(flags, async (users) => {
    await users.get(username);
    await users.setPassword(username, await readPassword());
    process.stdout.write(`User "${username}" has a new password in ${users.path}\n`);
  });
}

async function removeUser(words: readonly string[]): Promise<number> {
  const command = "server users remove";
  const { flags, positionals } = parseWords(command, words, options);
  const username = onlyWord(command, "a name", positionals);
  return withUsers(flags, async (users) => {
    await users.delete(username);
    process.stdout.write(`User "${username}" is no longer in ${users.path}\n`);
  });
}

async function listUsers(words: readonly string[]): Promise<number> {
  const { flags, positionals } = parseWords("server users list", words, options);
  noWords("server users list", positionals);
  return withUsers(flags, async (users) => {
    for (const { username, isAdmin } of await users.list()) {
      process.stdout.write(`${printable(username)}${isAdmin ? " (admin)" : ""}\n`);
    }
  });
}

async function withUsers(
  flags: { "auth-database"?: string | undefined; "backend-store-uri"?: string | undefined },
  work: (users: UserStore) => Promise<void>,
): Promise<number> {
  const users = await UserStore.open(authDatabase(flags));
  try {
    await work(users);
  } finally {
    await users.close();
  }
  return 0;
}

/** Reads a line of the standard input; on a terminal nobody sees what is typed. */
async function readPassword(): Promise<string> {
  const isTerminal = process.stdin.isTTY === true;
  if (isTerminal) process.stderr.write("Password: ");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: isTerminal });
  try {
    for await (const line of lines) return line;
    throw new UsageError("password: it is read from the standard input, which is empty. Type or pipe it in.");
  } finally {
    lines.close();
    if (isTerminal) process.stderr.write("\n");
  }
}
