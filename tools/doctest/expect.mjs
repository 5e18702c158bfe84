// What the `// =>` of documentation blocks call.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { runInNewContext } from "node:vm";

globalThis.expectValue = (actual, expected) => {
  let value;
  try {
    value = runInNewContext(`(${expected})`);
  } catch {
    // not a value of JavaScript: what it would look like printed
    assert.equal(typeof actual === "string" ? actual : inspect(actual), expected);
    return;
  }
  // through JSON, as values of another context have other prototypes; -0 and NaN are as good as they print
  assert.equal(inspect(actual, { depth: null }), inspect(plain(value), { depth: null }));
};

function plain(value) {
  return typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value)) : value;
}
