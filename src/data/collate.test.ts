import { expect, test } from "vitest";
import { collate } from "./collate.ts";
import { TokenStore } from "./token-store.ts";

const rows = [
  { inputIds: Int32Array.of(7, 8, 9), typeIds: Uint8Array.of(0, 1, 1) },
  { inputIds: Int32Array.of(5), typeIds: Uint8Array.of(0) },
];

test("rows are filled up to the longest of them", () => {
  expect(collate(rows, { padId: 1 })).toEqual({
    inputIds: Int32Array.of(7, 8, 9, 5, 1, 1),
    attentionMask: Uint8Array.of(1, 1, 1, 1, 0, 0),
    tokenTypeIds: Int32Array.of(0, 1, 1, 0, 0, 0),
    shape: [2, 3],
  });
});

test("padding can stand on the left", () => {
  expect(collate(rows, { padId: 1, paddingSide: "left" })).toMatchObject({
    inputIds: Int32Array.of(7, 8, 9, 1, 1, 5),
    attentionMask: Uint8Array.of(1, 1, 1, 0, 0, 1),
    tokenTypeIds: Int32Array.of(0, 1, 1, 0, 0, 0),
  });
});

test("the padded length is rounded up, but not past the limit", () => {
  expect(collate(rows, { padId: 0, padToMultipleOf: 8 }).shape).toEqual([2, 8]);
  expect(collate(rows, { padId: 0, padToMultipleOf: 8, maxLength: 5 }).shape).toEqual([2, 5]);
  expect(collate(rows, { padId: 0, padToMultipleOf: 3 }).shape).toEqual([2, 3]);
});

test("stored rows come back whole, whatever is added after them", () => {
  const store = new TokenStore(5);
  expect(store.has(3)).toBe(false);
  store.add(Uint32Array.of(3, 0), {
    inputIds: Int32Array.of(1, 2, 3),
    typeIds: Uint8Array.of(0, 1, 0),
    offsets: Uint32Array.of(0, 2, 3),
  });
  for (let i = 0; i < 100; i++) {
    store.add(Uint32Array.of(4), {
      inputIds: new Int32Array(i).fill(i),
      typeIds: new Uint8Array(i),
      offsets: Uint32Array.of(0, i),
    });
  }
  expect([0, 1, 2, 3, 4].map((row) => store.has(row))).toEqual([true, false, false, true, true]);
  expect(store.row(3)).toEqual({ inputIds: Int32Array.of(1, 2), typeIds: Uint8Array.of(0, 1) });
  expect(store.row(0)).toEqual({ inputIds: Int32Array.of(3), typeIds: Uint8Array.of(0) });
  expect(store.length(4)).toBe(99);
});
