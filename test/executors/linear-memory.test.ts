// Linear memory: pieces never overlap, are merged when released, start zeroed, and end at 4 GiB with a clear error.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  Arena,
  LinearMemory,
  MAXIMUM_BYTES,
  PIECE_ALIGNMENT,
  type Piece,
} from "../../runtime/executors/wasm/linear-memory.js";
import { Random } from "../nn/random.js";

function newMemory(base = 1000): LinearMemory {
  return new LinearMemory(new WebAssembly.Memory({ initial: 1, maximum: 65_536 }), base);
}

test("pieces held at the same time never overlap, and released memory is reused", () => {
  const random = new Random(5);
  const memory = newMemory();
  const held: Piece[] = [];
  for (let turn = 0; turn < 400; turn++) {
    if (held.length > 0 && random.uniform() < 0.45) {
      memory.release(held.splice(random.between(0, held.length - 1), 1)[0] as Piece);
      continue;
    }
    const piece = memory.allocate(random.between(1, 5000), "a test");
    assert.is(piece.address % PIECE_ALIGNMENT, 0);
    assert.ok(piece.address >= 1000);
    for (const other of held) {
      const apart =
        piece.address + piece.bytes <= other.address || other.address + other.bytes <= piece.address;
      assert.ok(apart, `turn ${turn}`);
    }
    assert.ok(memory.bytes(piece.address, piece.bytes).every((byte) => byte === 0));
    memory.bytes(piece.address, piece.bytes).fill(turn);
    held.push(piece);
  }
  const size = memory.memory.buffer.byteLength;
  for (const piece of held) memory.release(piece);
  assert.is(memory.bytesInUse, 0);
  const whole = memory.allocate(size / 2, "everything at once");
  assert.is(memory.memory.buffer.byteLength, size);
  assert.is(whole.address, Math.ceil(1000 / PIECE_ALIGNMENT) * PIECE_ALIGNMENT);
});

test("more memory than wasm32 can address is refused with both numbers", () => {
  const memory = newMemory();
  assert.throws(
    () => memory.allocate(MAXIMUM_BYTES, "the arena of a program"),
    /the arena of a program: WebAssembly memory would have to hold 4,097 MiB, its limit is 4,096 MiB.*--batch-size/,
  );
  assert.is(memory.bytesInUse, 0);
  assert.is(memory.allocate(64, "a small piece").address, 1024);
});

test("an arena is as large as its largest demand, and freed with the last", () => {
  const memory = newMemory();
  const arena = new Arena(memory);
  const leaveSmall = arena.demand(1000);
  const small = arena.address;
  const leaveLarge = arena.demand(100_000);
  assert.is(memory.bytesInUse, 100_032);
  leaveLarge();
  leaveLarge();
  assert.ok(memory.bytesInUse >= 1000);
  leaveSmall();
  assert.is(memory.bytesInUse, 0);
  arena.demand(10);
  assert.is(arena.address, small);
});

test("a demand that cannot be met leaves the arena as it was", () => {
  const memory = newMemory();
  const arena = new Arena(memory);
  arena.demand(1000);
  const { bytesInUse } = memory;
  assert.throws(() => arena.demand(MAXIMUM_BYTES), /limit/);
  assert.is(memory.bytesInUse, bytesInUse);
  assert.ok(arena.address > 0);
});

test.run();
