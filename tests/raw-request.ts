// Requests over HTTP as they are: `fetch` would mend paths and headers.
import { request } from "node:http";

/** How a server answered. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string | undefined>;
  text: string;
}

/** Says what goes with a request. */
export interface RawRequest<Body> {
  body?: Body | undefined;
  headers?: Readonly<Record<string, string>>;
}

/** Sends one request to the server at `url`, and reads the whole answer. */
export function sendRaw(
  url: string,
  method: string,
  path: string,
  { body, headers = {} }: RawRequest<string | Buffer> = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  // Node sends no body with GET and DELETE unless its length is given
  const hasLength = body !== undefined && headers["Transfer-Encoding"] === undefined;
  const length = hasLength ? { "Content-Length": String(Buffer.byteLength(body)) } : {};
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers: { ...length, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as RawAnswer["headers"],
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** An answer whose body is what its JSON says, or its text. */
export interface JsonAnswer extends RawAnswer {
  body: any; // oxlint-disable-line no-explicit-any
}

/** Sends one request with a body of JSON; a text is sent as it is. */
export async function sendJson(
  url: string,
  method: string,
  path: string,
  { body, headers }: RawRequest<string | object> = {},
): Promise<JsonAnswer> {
  const type = body === undefined ? {} : { "Content-Type": "application/json" };
  const answer = await sendRaw(url, method, path, {
    body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
    headers: { ...type, ...headers },
  });
  const isJson = answer.headers["content-type"] === "application/json" && answer.text !== "";
  return { ...answer, body: isJson ? JSON.parse(answer.text) : answer.text };
}
