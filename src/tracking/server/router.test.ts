import { expect, test } from "vitest";
import { Router } from "./router.ts";
import type { Endpoint } from "./endpoint.ts";

function endpoint(method: "GET" | "POST" | "DELETE", path: string): Endpoint {
  return { methods: [method], path, handle: async () => ({}) };
}

const router = new Router([
  endpoint("GET", "/models/{id}"),
  endpoint("DELETE", "/models/{id}"),
  endpoint("POST", "/models/search"),
  endpoint("POST", "/models"),
  endpoint("GET", "/models/{id}/tags/{key}"),
]);

test("parts of a path become parameters, decoded once", () => {
  expect(router.find("GET", "/models/a%2Fb").parameters).toEqual({ id: "a/b" });
  expect(router.find("GET", "/models/m/tags/k%2525").parameters).toEqual({ id: "m", key: "k%25" });
  expect(router.find("DELETE", "/models/m").endpoint.methods).toEqual(["DELETE"]);
  expect(router.find("POST", "/models/search").endpoint.path).toBe("/models/search");
});

test.each([
  ["GET", "/models", /no such endpoint. Methods that it has: POST/],
  ["GET", "/models/search", /Methods that it has: POST/],
  ["POST", "/models/m", /Methods that it has: GET, DELETE/],
  ["GET", "/models/", /no such endpoint\.$/],
  ["GET", "/models/a/b", /no such endpoint\.$/],
  ["GET", "/__proto__", /no such endpoint/],
  ["BREW", "/models", /BREW \/models: no such endpoint/],
])("%s %s is no endpoint", (method, path, message) => {
  expect(() => router.find(method, path)).toThrow(message);
});

test("a path that is not valid UTF-8 is refused", () => {
  expect(() => router.find("GET", "/models/%ff")).toThrow(URIError);
});
