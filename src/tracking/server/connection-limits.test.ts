// Clients that send what is no HTTP, or send and read so slowly that they only keep a place.
import { once } from "node:events";
import { type Server, createServer } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { limitConnections } from "./connection-limits.ts";

let server: Server;
const limits = { maxConnections: 5, idleMs: 200, minBytesPerSecond: 1000, graceMs: 300 };

beforeEach(async () => {
  server = createServer({ requireHostHeader: false }, (request, response) => {
    if (request.url === "/broken") return void request.destroy();
    const answer = { "/large": Buffer.alloc(50_000_000), "/late": "late" }[request.url!] ?? "OK";
    request.resume().once("end", () => {
      if (request.url === "/late") setTimeout(() => response.end(answer), 600);
      else response.end(answer);
    });
  });
  limitConnections(server, limits);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
});

async function open(text = ""): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  let seen = "";
  socket.on("data", (chunk) => (seen += chunk.toString("latin1")));
  socket.on("error", () => {});
  const answer = new Promise<string>((resolve) => socket.once("close", () => resolve(seen)));
  socket.write(text);
  return { socket, answer };
}

const post = (headers: string) => `POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n`;

test.each([
  ["two lengths", post("Content-Length: 5\r\nContent-Length: 6"), 400],
  ["a length beside chunks", `${post("Content-Length: 5\r\nTransfer-Encoding: chunked")}0\r\n\r\n`, 400],
  ["an unknown transfer coding", `${post("Transfer-Encoding: xchunked")}0\r\n\r\n`, 400],
  ["chunks that are not the last coding", `${post("Transfer-Encoding: chunked, identity")}0\r\n\r\n`, 400],
  ["a length below zero", post("Content-Length: -1"), 400],
  ["a length with a sign", `${post("Content-Length: +5")}12345`, 400],
  ["a length without end", post(`Content-Length: ${"9".repeat(30)}`), 400],
  ["a blank before the colon", post("Content-Length : 5"), 400],
  ["a header over two lines", post("A: b\r\n c"), 400],
  ["a NUL in a header", post("A: b\0c"), 400],
  ["lines without returns", "GET / HTTP/1.1\nHost: a\n\n", 400],
  ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
  ["TLS", "\x16\x03\x01\x02\x00\x01\x00", 400],
  ["headers of 100 kB", post(`A: ${"x".repeat(100_000)}`), 431],
  ["a chunk without end", `${post("Transfer-Encoding: chunked")}${"f".repeat(17)}\r\nab\r\n`, 400],
])("%s is answered once, and with the headers of every answer", async (_, text, status) => {
  const { answer } = await open(text);
  const [head = "", body = ""] = (await answer).split("\r\n\r\n");
  expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(head).toContain("Connection: close");
  expect(head).toContain("X-Content-Type-Options: nosniff");
  expect(JSON.parse(body)).toEqual({ error_code: "BAD_REQUEST", message: expect.any(String) });
});

test("a body that drips is given up, and one that comes well is not", async () => {
  const slow = await open(post("Content-Length: 1000000"));
  const drip = setInterval(() => slow.socket.write("x"), 50);
  const well = await open(post("Connection: close\r\nContent-Length: 10000"));
  for (let sent = 0; sent < 10_000; sent += 500) {
    await sleep(40);
    well.socket.write("x".repeat(500));
  }
  expect(await slow.answer).toMatch(/^HTTP\/1\.1 408 .*"the request comes too slowly/s);
  clearInterval(drip);
  expect(await well.answer).toMatch(/OK$/);
});

test("a request that the server itself breaks off does not end the server", async () => {
  await (
    await open("POST /broken HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nx")
  ).answer;
  await sleep(2 * limits.graceMs);
  const after = await open("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(await after.answer).toMatch(/OK$/);
});

test("a connection on which nothing moves is closed, but not while its answer is worked out", async () => {
  const silent = await open();
  const late = await open("GET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const unread = connect((server.address() as AddressInfo).port, "127.0.0.1");
  unread.on("error", () => {});
  unread.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"); // and nobody reads
  expect(await silent.answer).toBe("");
  expect(await late.answer).toMatch(/late$/);
  await expect
    .poll(() => new Promise((resolve) => server.getConnections((_, count) => resolve(count))))
    .toBe(0);
  unread.destroy();
});

test("connections beyond the limit are closed at once, and there is room again when others end", async () => {
  const request = "GET /late HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const first = await Promise.all(Array.from({ length: limits.maxConnections }, () => open(request)));
  await Promise.all(first.map(({ socket }) => (socket.connecting ? once(socket, "connect") : undefined)));
  expect(await (await open(request)).answer).toBe("");
  for (const { answer } of first) expect(await answer).toMatch(/late$/);
  expect(await (await open(request)).answer).toMatch(/late$/);
});
