// The few forms of protocol buffers that event files need (protobuf.dev/programming-guides/encoding).

/** Is a field: its number and its value by the form in which it is written. */
export type Field =
  | { field: number; double: number }
  | { field: number; float: number }
  | { field: number; integer: number }
  | { field: number; text: string }
  | { field: number; message: readonly Field[] };

/** Writes a message. */
export function encodeMessage(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(encodeField));
}

function encodeField(field: Field): Buffer {
  if ("double" in field) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(field.double);
    return Buffer.concat([key(field.field, 1), bytes]);
  }
  if ("float" in field) {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(field.float);
    return Buffer.concat([key(field.field, 5), bytes]);
  }
  if ("integer" in field) return Buffer.concat([key(field.field, 0), varint(field.integer)]);
  const content = "text" in field ? Buffer.from(field.text) : encodeMessage(field.message);
  return Buffer.concat([key(field.field, 2), varint(content.length), content]);
}

function key(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

/** Writes a whole number from 0 to 2^53, seven bits a byte. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
