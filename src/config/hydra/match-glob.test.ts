import { expect, test } from "vitest";
import { matchesGlob } from "./match-glob.ts";

test.each([
  ["", "", true],
  ["", "*", true],
  ["a", "", false],
  ["abc", "abc", true],
  ["abc", "ab", false],
  ["abc", "a*", true],
  ["abc", "*c", true],
  ["abc", "*b*", true],
  ["abc", "a?c", true],
  ["abc", "??", false],
  ["a/b", "*", true],
  ["mississippi", "m*iss*pi", true],
  ["mississippi", "m*iss*px", false],
  ["b", "[abc]", true],
  ["d", "[abc]", false],
  ["d", "[!abc]", true],
  ["b", "[!abc]", false],
  ["m", "[a-z]", true],
  ["M", "[a-z]", false],
  ["-", "[a-]", true],
  ["]", "[]]", true],
  ["]", "[!]]", false],
  ["[", "[", true],
  ["[a", "[a", true],
  ["A", "a", false],
  ["é", "?", true],
  ["a.b", "a.b", true],
  ["axb", "a.b", false],
])("%s and the pattern %s", (name, pattern, isMatch) => {
  expect(matchesGlob(name, pattern)).toBe(isMatch); // each as Python's fnmatch.fnmatchcase answers
});

test("a pattern of many stars takes no time", () => {
  const start = performance.now();
  expect(matchesGlob("a".repeat(10_000), `${"*a".repeat(50)}*b`)).toBe(false);
  expect(performance.now() - start).toBeLessThan(1000);
});
