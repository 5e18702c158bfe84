// A folder in which another process moves links about while artifacts are read.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { LocalArtifactRepository } from "./local.ts";

/** Makes the first link lead to one place and to the other, as fast as it can. */
const turner = `
const { renameSync, symlinkSync } = require("node:fs");
const [link, ...places] = process.argv.slice(1);
for (let turn = 0; ; turn++) {
  symlinkSync(places[turn % 2], link + ".new");
  renameSync(link + ".new", link);
  if (turn === 10) process.stdout.write("turning");
}`;

test("a link that turns while it is followed never leads out", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sconce-"));
  const [root, inside, outside] = ["root", "root/inside", "outside"].map((name) => join(folder, name));
  for (const [place, content] of [
    [inside!, "mine"],
    [outside!, "secret"],
  ] as const) {
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, "file"), content);
  }
  symlinkSync(inside!, join(root!, "link"));
  const child = spawn(process.execPath, ["-e", turner, join(root!, "link"), inside!, outside!]);
  try {
    await once(child.stdout, "data");
    const repository = new LocalArtifactRepository(root!);
    const seen = new Set<string>();
    for (let tries = 0; tries < 4000; tries++) {
      for (const read of [
        () => repository.readFile("link/file").toString(),
        () => text(repository.open("link/file")),
      ]) {
        try {
          seen.add(await read());
        } catch (error) {
          seen.add(
            (error as Error).message.replace(
              /^.*(through a link|changes again|does not hold).*$/s,
              "refused",
            ),
          );
        }
      }
    }
    expect([...seen].sort()).toEqual(["mine", "refused"]);
  } finally {
    child.kill("SIGKILL");
  }
}, 60_000);
