// Reads pickles, protocols 0 to 5, without running anything: data is built, and the few functions that may be
// called are looked up in a table by name. What the names mean is the caller's, see ./torch-globals.ts.
// Opcodes: CPython's Lib/pickletools.py. What is allowed: PyTorch's torch/_weights_only_unpickler.py.
import { FileError } from "../../base/index.ts";
import { PickleReader } from "./pickle-reader.ts";

/** A class or function that a pickle names. It does nothing: calls go through `PickleMeanings.call`. */
export class PickledGlobal {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** What is built while unpickling and is no value by itself, as a storage is for its tensors. */
export abstract class PickledPart {
  abstract readonly kind: string;
}

/** What the names in a pickle stand for. */
export interface PickleMeanings {
  /** Returns what `module.name` stands for, or undefined when it is not allowed. */
  global(name: string): unknown;
  /** Calls one of the functions that `global` returned. `spend` counts what the result takes. */
  call(callee: PickledGlobal, args: readonly unknown[], spend: (bytes: number) => void): unknown;
  /** Returns what an object outside the pickle is, a storage by its tuple. */
  persistent(id: unknown): unknown;
  /** Applies the state of an object and returns it. */
  build(target: unknown, state: unknown): unknown;
}

// Python's pickler calls itself for each level and stops near here
const maxDepth = 1000;
const costs = { value: 16, container: 256, entry: 64 };

/** Longest pickle that is read. */
export const maxPickleBytes = 2 ** 26;

/**
 * Reads one pickle at an offset. Dicts become Maps, lists and tuples arrays, sets Sets, bytes Uint8Arrays,
 * None null, and integers beyond 2^53 bigints.
 */
export function unpickle(
  path: string,
  bytes: Buffer,
  meanings: PickleMeanings,
  offset = 0,
): { value: unknown; end: number } {
  const input = new PickleReader(path, bytes, offset);
  return { value: new Machine(input, meanings).run(), end: input.at };
}

class Machine {
  readonly #input: PickleReader;
  readonly #meanings: PickleMeanings;
  readonly #stack: unknown[] = [];
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(input: PickleReader, meanings: PickleMeanings) {
    this.#input = input;
    this.#meanings = meanings;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#input.opcode();
      if (opcode === 0x2e /* STOP */) break;
      this.#step(opcode);
    }
    const value = this.#pop();
    this.#checkResult(value);
    return value;
  }

  #step(opcode: number): void {
    // grouped as in pickletools.py; a case's comment is the name of its opcode there
    switch (opcode) {
      case 0x80: // PROTO
        return this.#protocol(this.#input.byte());
      case 0x95: // FRAME
        return void this.#input.take(0, this.#input.long64()); // the frame must be there; its content follows

      // marks and the stack
      case 0x28: // MARK
        if (this.#marks.length === maxDepth) throw this.#tooDeep();
        return void this.#marks.push(this.#stack.length);
      case 0x30: // POP
        if (this.#marks.at(-1) === this.#stack.length) return void this.#marks.pop();
        return void this.#pop();
      case 0x31: // POP_MARK
        return void this.#popMark();
      case 0x32: // DUP
        return this.#push(this.#top());

      // the memo
      case 0x71: // BINPUT
        return this.#remember(this.#input.byte());
      case 0x72: // LONG_BINPUT
        return this.#remember(this.#input.uint32());
      case 0x70: // PUT
        return this.#remember(this.#input.decimal());
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(this.#input.byte());
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#input.uint32());
      case 0x67: // GET
        return this.#recall(this.#input.decimal());

      // constants and numbers
      case 0x4e: // NONE
        return this.#push(null);
      case 0x88: // NEWTRUE
        return this.#push(true);
      case 0x89: // NEWFALSE
        return this.#push(false);
      case 0x4b: // BININT1
        return this.#push(this.#input.byte());
      case 0x4d: // BININT2
        return this.#push(this.#input.uint16());
      case 0x4a: // BININT
        return this.#push(this.#input.int32());
      case 0x8a: // LONG1
        return this.#push(this.#input.longOf(this.#input.byte()));
      case 0x8b: // LONG4
        return this.#push(this.#input.longOf(this.#input.uint32()));
      case 0x47: // BINFLOAT
        return this.#push(this.#input.float64());
      case 0x49: // INT
        return this.#push(this.#input.textInteger());
      case 0x4c: // LONG
        return this.#push(this.#input.textLong());
      case 0x46: // FLOAT
        return this.#push(this.#input.textFloat());

      // text and bytes
      case 0x8c: // SHORT_BINUNICODE
        return this.#push(this.#input.text(this.#input.byte()));
      case 0x58: // BINUNICODE
        return this.#push(this.#input.text(this.#input.uint32()));
      case 0x8d: // BINUNICODE8
        return this.#push(this.#input.text(this.#input.long64()));
      case 0x56: // UNICODE
        return this.#push(this.#input.escapedText());
      case 0x55: // SHORT_BINSTRING
        return this.#push(this.#input.text(this.#input.byte()));
      case 0x54: // BINSTRING
        return this.#push(this.#input.text(this.#input.uint32()));
      case 0x53: // STRING
        return this.#push(this.#input.quotedText());
      case 0x43: // SHORT_BINBYTES
        return this.#push(this.#input.copy(this.#input.byte()));
      case 0x42: // BINBYTES
        return this.#push(this.#input.copy(this.#input.uint32()));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#push(this.#input.copy(this.#input.long64()));

      // containers
      case 0x5d: // EMPTY_LIST
      case 0x29: // EMPTY_TUPLE
        return this.#pushContainer([]);
      case 0x6c: // LIST
      case 0x74: // TUPLE
        return this.#pushContainer(this.#popMark());
      case 0x85: // TUPLE1
        return this.#tuple(1);
      case 0x86: // TUPLE2
        return this.#tuple(2);
      case 0x87: // TUPLE3
        return this.#tuple(3);
      case 0x7d: // EMPTY_DICT
        return this.#pushContainer(new Map());
      case 0x64: {
        // DICT
        const items = this.#popMark();
        this.#pushContainer(new Map());
        return this.#setItems(items);
      }
      case 0x8f: // EMPTY_SET
        return this.#pushContainer(new Set());
      case 0x91: {
        // FROZENSET
        const items = this.#popMark();
        this.#pushContainer(new Set());
        return this.#addItems(items);
      }
      case 0x61: // APPEND
        return this.#append([this.#pop()]);
      case 0x65: // APPENDS
        return this.#append(this.#popMark());
      case 0x73: {
        // SETITEM
        const value = this.#pop();
        return this.#setItems([this.#pop(), value]);
      }
      case 0x75: // SETITEMS
        return this.#setItems(this.#popMark());
      case 0x90: // ADDITEMS
        return this.#addItems(this.#popMark());

      // what could run code in Python
      case 0x63: // GLOBAL
        return this.#global(this.#input.line(), this.#input.line());
      case 0x93: {
        // STACK_GLOBAL
        const name = this.#pop();
        const module = this.#pop();
        return this.#global(String(module), String(name));
      }
      case 0x52: // REDUCE
      case 0x81: {
        // NEWOBJ
        const args = this.#pop();
        return this.#call(this.#pop(), args);
      }
      case 0x69: {
        // INST
        const args = this.#popMark();
        this.#global(this.#input.line(), this.#input.line());
        return this.#call(this.#pop(), args);
      }
      case 0x6f: {
        // OBJ
        const [callee, ...args] = this.#popMark();
        return this.#call(callee, args);
      }
      case 0x62: {
        // BUILD
        const state = this.#pop();
        return this.#push(this.#meanings.build(this.#pop(), state));
      }
      case 0x50: // PERSID
        return this.#push(this.#meanings.persistent(this.#input.line()));
      case 0x51: // BINPERSID
        return this.#push(this.#meanings.persistent(this.#pop()));
      default:
        throw this.#input.damaged(
          `opcode 0x${opcode.toString(16).padStart(2, "0")} is not one that weights need`,
        );
    }
  }

  #protocol(version: number): void {
    if (version > 5) throw this.#input.damaged(`the protocol must be at most 5, got ${version}`);
  }

  #global(module: string, name: string): void {
    const full = `${module}.${name}`;
    const found = this.#meanings.global(full);
    if (found === undefined) throw this.#refused(full);
    this.#push(found);
  }

  #call(callee: unknown, args: unknown): void {
    if (!(callee instanceof PickledGlobal))
      throw this.#input.damaged(`only a global can be called, got ${kindOf(callee)}`);
    if (!Array.isArray(args))
      throw this.#input.damaged(`${callee.name} needs a tuple of arguments, got ${kindOf(args)}`);
    this.#input.spend(costs.container);
    this.#push(this.#meanings.call(callee, args, (bytes) => this.#input.spend(bytes)));
  }

  #append(items: readonly unknown[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw this.#input.damaged(`only lists take items, got ${kindOf(list)}`);
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly unknown[]): void {
    const target = this.#top();
    if (!(target instanceof Map)) throw this.#input.damaged(`only dicts take keys, got ${kindOf(target)}`);
    if (items.length % 2 !== 0)
      throw this.#input.damaged("a dict needs a value for each key, got one without");
    this.#input.spend((items.length / 2) * costs.entry);
    for (let i = 0; i < items.length; i += 2) {
      target.set(items[i], items[i + 1]);
    }
  }

  #addItems(items: readonly unknown[]): void {
    const target = this.#top();
    if (!(target instanceof Set)) throw this.#input.damaged(`only sets take members, got ${kindOf(target)}`);
    this.#input.spend(items.length * costs.entry);
    for (const item of items) target.add(item);
  }

  #tuple(length: number): void {
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.unshift(this.#pop());
    this.#pushContainer(items);
  }

  #pushContainer(container: unknown[] | Map<unknown, unknown> | Set<unknown>): void {
    this.#input.spend(costs.container);
    this.#push(container);
  }

  /** Refuses containers that nobody could walk, and what stands for a function or storage where a value must be. */
  #checkResult(result: unknown): void {
    const seen = new Set<unknown>(); // each is entered once, so that cycles end
    const path: Iterator<unknown>[] = [[result].values()];
    while (path.length > 0) {
      const step = path.at(-1)!.next();
      if (step.done === true) {
        path.pop();
        continue;
      }
      const value = step.value;
      if (value instanceof PickledGlobal || value instanceof PickledPart) {
        throw this.#input.damaged(`${kindOf(value)} must be part of a tensor, got it as a value`);
      }
      const isContainer = Array.isArray(value) || value instanceof Map || value instanceof Set;
      if (!isContainer || seen.has(value)) continue;
      seen.add(value);
      path.push(partsOf(value));
      if (path.length > maxDepth + 1) throw this.#tooDeep();
    }
  }

  #remember(index: number): void {
    this.#input.spend(costs.value);
    this.#memo.set(index, this.#top());
  }

  #recall(index: number): void {
    if (!this.#memo.has(index)) throw this.#input.damaged(`the memo must hold ${index}, got nothing`);
    this.#push(this.#memo.get(index));
  }

  #push(value: unknown): void {
    this.#input.spend(costs.value);
    this.#stack.push(value);
  }

  #pop(): unknown {
    this.#top(); // checks that there is one
    return this.#stack.pop();
  }

  #top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0))
      throw this.#input.damaged("the stack must hold a value, got none");
    return this.#stack.at(-1);
  }

  #popMark(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#input.damaged("the stack must hold a mark, got none");
    return this.#stack.splice(mark);
  }

  #tooDeep(): FileError {
    return this.#input.damaged(`containers must be nested at most ${maxDepth} deep, got more`);
  }

  #refused(name: string): FileError {
    const shown = JSON.stringify(name.length > 200 ? `${name.slice(0, 197)}...` : name).slice(1, -1);
    return new FileError(
      `${this.#input.path}: names ${shown} (at byte ${this.#input.opcodeAt} of the pickle), which is not among what weights need, ` +
        `and nothing of it was run. If you trust the file, load it in Python and save its state_dict() alone, ` +
        `best with safetensors.torch.save_file.`,
    );
  }
}

function* partsOf(container: object): Generator<unknown> {
  if (container instanceof Map) yield* container.keys();
  yield* (container as unknown[] | Map<unknown, unknown> | Set<unknown>).values();
}

function kindOf(value: unknown): string {
  if (value instanceof PickledGlobal) return value.name;
  if (value instanceof PickledPart) return `a ${value.kind}`;
  if (value instanceof Map) return "a dict";
  if (value instanceof Set) return "a set";
  if (Array.isArray(value)) return "a list or tuple";
  return value === null ? "None" : `a ${typeof value}`;
}
