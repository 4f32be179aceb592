// Pickle: Python's object stream (PEP 3154), read as data. Nothing is executed: a stream can only name what the caller
// allows, and a name that is not allowed ends the reading.
//
// The reader is a loop over a stack, so nesting costs no recursion; every instruction takes at least one byte and pushes
// at most one value, so memory follows the length of the stream.

import { quote, VitrineError } from "../errors.js";

/** A named class or function of the stream, and the value that a call of it gives. */
export interface PickleGlobal {
  name: string;
  call(args: readonly unknown[]): unknown;
}

/** An object that is carried along and means nothing here: its state is dropped. */
export class Inert {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

export interface PickleRules {
  /** The file, for errors. */
  subject: string;
  /** The global "module name"; undefined refuses it with `weights/pickle-global`. */
  global(name: string): PickleGlobal | undefined;
  /** The object of a persistent id. */
  persistent(id: unknown): unknown;
}

/** Far above any checkpoint: a DeiT-B with its optimizer takes some 25,000 instructions. */
const INSTRUCTION_LIMIT = 2_000_000;
/** A line of protocol 0: a name or a number. */
const LINE_LIMIT = 4096;
/** Bytes of an integer; PyTorch's magic number has 10, a state of NumPy's generator 17. */
const INTEGER_LIMIT = 255;

const MARK = Symbol("mark");

function isGlobal(value: unknown): value is PickleGlobal {
  return typeof value === "object" && value !== null && "call" in value && "name" in value;
}

class Machine {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #rules: PickleRules;
  readonly #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();
  place: number;

  constructor(bytes: Uint8Array, place: number, rules: PickleRules) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#rules = rules;
    this.place = place;
  }

  refuse(what: string): VitrineError {
    const { subject } = this.#rules;
    const text = `${subject}: damaged pickle at byte ${this.place}: ${what}`;
    return new VitrineError("weights/torch", text, { details: { file: subject, byte: this.place } });
  }

  /** The place of the next `count` bytes, which are passed. */
  take(count: number): number {
    const { place } = this;
    if (count > this.#bytes.length - place)
      throw this.refuse(
        `${count} bytes expected, ${this.#bytes.length - place} left: the file may be truncated`,
      );
    this.place += count;
    return place;
  }

  u8 = (): number => this.#view.getUint8(this.take(1));
  u16 = (): number => this.#view.getUint16(this.take(2), true);
  i32 = (): number => this.#view.getInt32(this.take(4), true);
  u32 = (): number => this.#view.getUint32(this.take(4), true);
  float = (): number => this.#view.getFloat64(this.take(8), false);

  u64(): number {
    const value = this.#view.getBigUint64(this.take(8), true);
    if (value > BigInt(this.#bytes.length)) throw this.refuse(`a length of ${value} bytes`);
    return Number(value);
  }

  raw(count: number): Uint8Array {
    const place = this.take(count);
    return this.#bytes.subarray(place, place + count);
  }

  text(count: number): string {
    return new TextDecoder().decode(this.raw(count));
  }

  line(): string {
    const end = this.#bytes.subarray(this.place, this.place + LINE_LIMIT).indexOf(10);
    if (end < 0) throw this.refuse("a line without an end");
    const text = this.text(end);
    this.place++;
    return text;
  }

  /** Two's complement, little endian. */
  integer(count: number): number | bigint {
    if (count > INTEGER_LIMIT) throw this.refuse(`an integer of ${count} bytes; allowed: ${INTEGER_LIMIT}`);
    const bytes = this.raw(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]);
    value = BigInt.asIntN(8 * count, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  push(value: unknown): void {
    this.#stack.push(value);
  }

  pop(): unknown {
    const value = this.top();
    this.#stack.pop();
    return value;
  }

  top(): unknown {
    const { length } = this.#stack;
    if (length === 0 || this.#stack[length - 1] === MARK) throw this.refuse("the stack is empty");
    return this.#stack[length - 1];
  }

  mark(): void {
    this.#stack.push(MARK);
  }

  /** The values above the last mark, which go with it. */
  popMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.refuse("no mark on the stack");
    const values = this.#stack.splice(mark);
    values.shift();
    return values;
  }

  /** The last `count` values as a tuple. */
  tuple(count: number): void {
    const values: unknown[] = [];
    for (let i = 0; i < count; i++) values.unshift(this.pop());
    this.push(values);
  }

  put(key = this.#memo.size): void {
    this.#memo.set(key, this.top());
  }

  get(key: number): void {
    if (!this.#memo.has(key)) throw this.refuse(`nothing is remembered as ${key}`);
    this.push(this.#memo.get(key));
  }

  global(module: unknown, name: unknown): void {
    const full = `${String(module)}.${String(name)}`;
    const found = this.#rules.global(full);
    if (found) {
      this.push(found);
      return;
    }
    const { subject } = this.#rules;
    const text =
      `${subject}: the pickle names ${quote(full)}, which is not read because it could run code; ` +
      "save only the tensors: torch.save(model.state_dict(), FILE)";
    throw new VitrineError("weights/pickle-global", text, {
      details: { file: subject, global: quote(full) },
    });
  }

  stackGlobal(): void {
    const [name, module] = [this.pop(), this.pop()];
    if (typeof name !== "string" || typeof module !== "string") throw this.refuse("a name that is no text");
    this.global(module, name);
  }

  /** An extension code stands for a global of a registry that only the writer's Python has. */
  extension(code: number): never {
    this.global("copyreg.extension", code);
    throw this.refuse(`extension ${code}`);
  }

  call(): void {
    const [args, callee] = [this.pop(), this.pop()];
    if (!isGlobal(callee)) throw this.refuse("a call of something that is no class");
    if (!Array.isArray(args)) throw this.refuse(`a call of ${quote(callee.name)} without a tuple`);
    this.push(callee.call(args));
  }

  append(values: readonly unknown[]): void {
    const list = this.top();
    if (Array.isArray(list)) for (const value of values) list.push(value);
    else if (!(list instanceof Inert)) throw this.refuse("an item for something that is no list");
  }

  setItems(values: readonly unknown[]): void {
    const map = this.top();
    if (values.length % 2 !== 0) throw this.refuse("a key without a value");
    if (map instanceof Inert) return;
    if (!(map instanceof Map)) throw this.refuse("an item for something that is no dict");
    for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
  }

  dict(values: readonly unknown[]): void {
    this.push(new Map());
    this.setItems(values);
  }

  persistent(id: unknown): void {
    this.push(this.#rules.persistent(id));
  }
}

const numberOf = (machine: Machine, text: string): number => {
  const value = Number(text.replace(/L$/, ""));
  if (text.trim() === "" || Number.isNaN(value)) throw machine.refuse("a line that is no number");
  return value;
};

/** By the letters of Python's pickletools; from PROTO (0x80) on, by their code points. */
const INSTRUCTIONS: Readonly<Record<string, (machine: Machine) => void>> = {
  "(": (m) => m.mark(),
  "0": (m) => void m.pop(),
  "1": (m) => void m.popMark(),
  "2": (m) => m.push(m.top()),
  N: (m) => m.push(null),
  F: (m) => m.push(numberOf(m, m.line())),
  I: (m) => {
    const text = m.line();
    m.push(text === "00" ? false : text === "01" ? true : numberOf(m, text));
  },
  L: (m) => m.push(numberOf(m, m.line())),
  S: (m) => m.push(m.line().replace(/^(['"])(.*)\1$/, "$2")),
  V: (m) => m.push(m.line()),
  J: (m) => m.push(m.i32()),
  K: (m) => m.push(m.u8()),
  M: (m) => m.push(m.u16()),
  G: (m) => m.push(m.float()),
  T: (m) => m.push(m.text(m.u32())),
  U: (m) => m.push(m.text(m.u8())),
  X: (m) => m.push(m.text(m.u32())),
  B: (m) => m.push(m.raw(m.u32())),
  C: (m) => m.push(m.raw(m.u8())),
  P: (m) => m.persistent(m.line()),
  Q: (m) => m.persistent(m.pop()),
  R: (m) => m.call(),
  a: (m) => m.append([m.pop()]),
  b: (m) => void m.pop(), // BUILD: the state of an object is dropped, __setstate__ never called.
  c: (m) => m.global(m.line(), m.line()),
  d: (m) => m.dict(m.popMark()),
  e: (m) => m.append(m.popMark()),
  g: (m) => m.get(numberOf(m, m.line())),
  h: (m) => m.get(m.u8()),
  i: (m) => m.global(m.line(), m.line()),
  j: (m) => m.get(m.u32()),
  l: (m) => m.push(m.popMark()),
  p: (m) => m.put(numberOf(m, m.line())),
  q: (m) => m.put(m.u8()),
  r: (m) => m.put(m.u32()),
  s: (m) => {
    const value = m.pop();
    m.setItems([m.pop(), value]);
  },
  t: (m) => m.push(m.popMark()),
  u: (m) => m.setItems(m.popMark()),
  ")": (m) => m.push([]),
  "]": (m) => m.push([]),
  "}": (m) => m.push(new Map()),
  "\x80": (m) => {
    const protocol = m.u8();
    if (protocol > 5) throw m.refuse(`protocol ${protocol}; allowed: 0 to 5`);
  },
  "\x81": (m) => m.call(),
  "\x82": (m) => m.extension(m.u8()),
  "\x83": (m) => m.extension(m.u16()),
  "\x84": (m) => m.extension(m.u32()),
  "\x85": (m) => m.tuple(1),
  "\x86": (m) => m.tuple(2),
  "\x87": (m) => m.tuple(3),
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),
  "\x8a": (m) => m.push(m.integer(m.u8())),
  "\x8b": (m) => m.push(m.integer(m.u32())),
  "\x8c": (m) => m.push(m.text(m.u8())),
  "\x8d": (m) => m.push(m.text(m.u64())),
  "\x8e": (m) => m.push(m.raw(m.u64())),
  "\x8f": (m) => m.push([]),
  "\x90": (m) => m.append(m.popMark()),
  "\x91": (m) => m.push(m.popMark()),
  "\x93": (m) => m.stackGlobal(),
  "\x94": (m) => m.put(),
  "\x95": (m) => void m.take(8),
  "\x96": (m) => m.push(m.raw(m.u64())),
};

const STOP = 0x2e;

/**
 * The object of the pickle that starts at byte `start`, and the byte after it. Lists, tuples and sets are arrays, dicts
 * are maps, integers beyond 2⁵³ are bigints. Throws `weights/pickle-global` for a global that `rules` does not allow, and
 * `weights/torch` where the stream is damaged.
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  rules: PickleRules,
): { value: unknown; end: number } {
  const machine = new Machine(bytes, start, rules);
  for (let count = 0; count < INSTRUCTION_LIMIT; count++) {
    const code = machine.u8();
    if (code === STOP) return { value: machine.pop(), end: machine.place };
    const letter = String.fromCharCode(code);
    if (!Object.hasOwn(INSTRUCTIONS, letter)) throw machine.refuse(`unknown instruction ${code}`);
    INSTRUCTIONS[letter](machine);
  }
  throw machine.refuse(`more than ${INSTRUCTION_LIMIT} instructions`);
}
