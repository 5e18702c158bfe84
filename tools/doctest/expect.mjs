// What the `// =>` of documentation blocks call.
import assert from "node:assert/strict";
import { inspect } from "node:util";

globalThis.expectValue = (actual, expected) => {
  let value;
  try {
    value = new Function(`"use strict"; return (${expected});`)();
  } catch {
    // not a value of JavaScript: what it looks like printed
    assert.equal(typeof actual === "string" ? actual : inspect(actual), expected);
    return;
  }
  assert.deepEqual(actual, value);
};
