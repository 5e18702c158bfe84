import { type Server, createServer } from "node:http";
import {
  type AddressInfo,
  type Server as TcpServer,
  connect,
  createServer as createTcpServer,
} from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { sendToHub } from "./http.ts";
import { proxyFor } from "./proxy.ts";
import { hubSettings } from "./settings.ts";

describe("which proxy", () => {
  const chosen = (url: string, env: Record<string, string>) =>
    proxyFor(new URL(url), hubSettings(env).proxies)?.host;

  test("is that of the address's scheme, else the one for all", () => {
    const env = { http_proxy: "http://a:1", HTTPS_PROXY: "b:2" };
    expect(chosen("http://hub.org/x", env)).toBe("a:1");
    expect(chosen("https://hub.org/x", env)).toBe("b:2");
    expect(chosen("https://hub.org/x", { http_proxy: "http://a:1" })).toBeUndefined();
    expect(chosen("https://hub.org/x", { all_proxy: "http://c:3" })).toBe("c:3");
    expect(
      chosen("https://hub.org/x", { https_proxy: "http://small:1", HTTPS_PROXY: "http://LARGE:2" }),
    ).toBe("small:1");
  });

  test("is none for this machine and for hosts that no_proxy names", () => {
    const env = { all_proxy: "http://a:1", no_proxy: "corp.net, .example.org,*.lan other.org:8080" };
    for (const url of ["http://localhost:5000", "http://127.0.0.1", "http://[::1]:8", "http://corp.net"]) {
      expect(chosen(url, env)).toBeUndefined();
    }
    for (const url of [
      "https://a.corp.net",
      "https://x.example.org",
      "http://n.lan",
      "http://other.org:8080",
    ]) {
      expect(chosen(url, env)).toBeUndefined();
    }
    for (const url of ["https://notcorp.net", "https://corp.net.evil.org", "http://other.org"]) {
      expect(chosen(url, env)).toBe("a:1");
    }
    expect(chosen("https://hub.org", { all_proxy: "http://a:1", no_proxy: "*" })).toBeUndefined();
  });

  test("must be an http address", () => {
    expect(() => hubSettings({ https_proxy: "socks5://a:1" })).toThrowErrorMatchingInlineSnapshot(
      `[UsageError: https_proxy: must be the http address of a proxy, got "socks5://a:1". Unset it to use none.]`,
    );
    expect(() => hubSettings({ all_proxy: "http://" })).toThrow(/must be the http address of a proxy/u);
  });
});

describe("through a proxy", () => {
  const servers: (Server | TcpServer)[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  async function listen<T extends Server | TcpServer>(server: T): Promise<number> {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  }

  const settings = (port: number, endpoint: string) => ({
    ...hubSettings({
      all_proxy: `http://me:p%40ss@127.0.0.1:${port}`,
      HF_ENDPOINT: endpoint,
      HF_TOKEN: "hf_x",
    }),
    connectTimeoutMs: 300,
    maxRetries: 0,
  });
  const get = (port: number, url: string) =>
    sendToHub({ method: "GET", url }, settings(port, new URL(url).origin));

  test("an http hub is asked for by its whole address", async () => {
    const seen: unknown[] = [];
    const port = await listen(
      createServer(({ url, headers }, response) => {
        seen.push(url, headers.host, headers["proxy-authorization"], headers.authorization);
        response.end("ok");
      }),
    );
    const { status, body } = await get(port, "http://hub.invalid:81/a/resolve/main/b");
    body.resume();
    expect(status).toBe(200);
    expect(seen).toEqual([
      "http://hub.invalid:81/a/resolve/main/b",
      "hub.invalid:81",
      `Basic ${Buffer.from("me:p@ss").toString("base64")}`,
      "Bearer hf_x",
    ]);
  });

  test("the proxy's user is not the hub's", async () => {
    const seen: unknown[] = [];
    const port = await listen(
      createServer(({ headers }, response) => {
        seen.push(headers.authorization);
        response.end();
      }),
    );
    const url = "http://hub.invalid/a";
    const { body } = await sendToHub({ method: "HEAD", url }, { ...settings(port, url), token: undefined });
    body.resume();
    expect(seen).toEqual([undefined]);
  });

  test("an https hub is spoken to in TLS through a tunnel, which the token passes unseen", async () => {
    const bytes: Buffer[] = [];
    const hub = await listen(
      createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", (chunk) => {
          bytes.push(chunk);
          socket.end(); // in place of a handshake
        });
      }),
    );
    const asked: unknown[] = [];
    const proxy = createServer();
    proxy.on("connect", ({ url, headers }, socket) => {
      asked.push([url, headers["proxy-authorization"], headers.authorization]);
      const upstream = connect(hub, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        upstream.pipe(socket).on("error", () => {});
        socket.pipe(upstream).on("error", () => {});
      });
    });
    const port = await listen(proxy);
    await expect(get(port, "https://hub.invalid/a")).rejects.toThrow(/must answer, got/u);
    const user = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    expect(asked[0]).toEqual(["hub.invalid:443", user, undefined]);
    expect(bytes[0]?.[0]).toBe(0x16); // a TLS handshake record
    expect(bytes[0]?.includes("hub.invalid")).toBe(true); // the name that the certificate is checked for
  });

  test("a proxy that refuses, is silent or is not there is named", async () => {
    const refusing = createServer();
    refusing.on("connect", (_request, socket) =>
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
    );
    const refused = get(await listen(refusing), "https://hub.invalid/a");
    await expect(refused).rejects.toThrow(/got "status 407 from the proxy 127\.0\.0\.1:\d+"/u);
    const silent = get(await listen(createTcpServer(() => {})), "https://hub.invalid/a");
    await expect(silent).rejects.toThrow(/got "no answer for 0\.3 s from the proxy 127\.0\.0\.1:\d+"/u);
    await expect(get(9, "https://hub.invalid/a")).rejects.toThrow(
      /ECONNREFUSED 127\.0\.0\.1:9 from the proxy/u,
    );
  });
});
