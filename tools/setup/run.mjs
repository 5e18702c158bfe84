// Runs the programs that set-up needs (pip, npm, the compiler); their output goes to the step's log.
import { spawn } from "node:child_process";
import { record } from "./log.mjs";

/** Runs a program and returns `{ code, output }`; `code` is undefined when the program does not exist. */
export function run(command, args, { env = process.env, cwd, onOutput = record } = {}) {
  return new Promise((resolve, reject) => {
    let output = "";
    const child = spawn(command, args, { env, cwd, stdio: ["ignore", "pipe", "pipe"] });
    const take = (chunk) => {
      const text = String(chunk);
      output += text;
      onOutput(text);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", (error) => {
      if (error.code === "ENOENT" || error.code === "EACCES")
        resolve({ code: undefined, output: error.message });
      else reject(error);
    });
    child.on("close", (code, signal) => resolve({ code: code ?? 128, output, signal }));
  });
}

/** Returns the last lines of a program's output, for a message. */
export function tail(output, lines = 15) {
  return output.trimEnd().split("\n").slice(-lines).join("\n");
}
