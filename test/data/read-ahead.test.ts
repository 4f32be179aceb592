// Read-ahead: order, bounded buffers, leases and ends.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ReadAhead } from "../../runtime/batches/read-ahead.js";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

interface Counted {
  ahead: ReadAhead<number>;
  started(): number;
}

/** Items 0, 1, 2 … written into their buffers, later ones finishing earlier. */
function counting(slots: number, end = Number.POSITIVE_INFINITY): Counted {
  let started = 0;
  const ahead = new ReadAhead<number>({
    slots,
    allocate: () => new Uint8Array(1),
    make(buffer) {
      if (started >= end) return null;
      const item = started++;
      return new Promise((resolve) => {
        setTimeout(
          () => {
            buffer[0] = item;
            resolve(item);
          },
          item % 3 === 0 ? 4 : 1,
        );
      });
    },
  });
  return { ahead, started: () => started };
}

test("items arrive in order although later ones are ready earlier", async () => {
  const { ahead } = counting(3, 10);
  const seen: number[] = [];
  for (let leased = await ahead.next(); leased; leased = await ahead.next()) {
    seen.push(leased.item);
    leased.release();
  }
  assert.equal(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.is(await ahead.next(), null, "the end stays the end");
});

test("no more items are started than there are buffers, and releasing one starts the next", async () => {
  const { ahead, started } = counting(3);
  const first = await ahead.next();
  for (let i = 0; i < 10; i++) await turn();
  assert.is(started(), 3);
  first?.release();
  first?.release();
  for (let i = 0; i < 10; i++) await turn();
  assert.is(started(), 4, "a lease ends once");
  ahead.close(new Error("enough"));
});

test("no item is started before it is admitted", async () => {
  let admit = (): void => {};
  let started = 0;
  const ahead = new ReadAhead<number>({
    slots: 2,
    allocate: () => new Uint8Array(1),
    make: () => Promise.resolve(started++),
    admit: () =>
      new Promise((resolve) => {
        admit = resolve;
      }),
  });
  await turn();
  assert.is(started, 0);
  admit();
  await turn();
  assert.is(started, 1);
  ahead.close(new Error("enough"));
});

test("an item that fails rejects in its turn, after the items before it", async () => {
  let started = 0;
  const ahead = new ReadAhead<number>({
    slots: 4,
    allocate: () => new Uint8Array(1),
    make: () => {
      const item = started++;
      return item === 2 ? Promise.reject(new Error("bad item")) : Promise.resolve(item);
    },
  });
  assert.is((await ahead.next())?.item, 0);
  assert.is((await ahead.next())?.item, 1);
  await assertRejects(ahead.next(), /bad item/);
  ahead.close(new Error("enough"));
});

/** A sequence whose items are started only when `admit` is called. */
function admitted(make: () => Promise<number> | null): { ahead: ReadAhead<number>; admit(): void } {
  let open = (): void => {};
  const admission = new Promise<void>((resolve) => {
    open = resolve;
  });
  const options = { slots: 1, allocate: () => new Uint8Array(1), make, admit: () => admission };
  return { ahead: new ReadAhead<number>(options), admit: () => open() };
}

/** Rejects instead of waiting forever for a reader that was never woken. */
function soon<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the reader was not woken")), 2000);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

test("a reader that waits before any item is started gets the first one", async () => {
  const { ahead, admit } = admitted(() => Promise.resolve(7));
  const waiting = ahead.next();
  await turn();
  admit();
  assert.is((await soon(waiting))?.item, 7);
  ahead.close(new Error("enough"));
});

test("a reader that waits when the sequence ends gets null", async () => {
  const { ahead, admit } = admitted(() => null);
  const waiting = ahead.next();
  await turn();
  admit();
  assert.is(await soon(waiting), null);
});

test("closing wakes a reader that waits for an item to be started", async () => {
  const { ahead } = admitted(() => Promise.resolve(0));
  const waiting = assertRejects(soon(ahead.next()), /enough/);
  await turn();
  ahead.close(new Error("enough"));
  await waiting;
});

test("closing wakes a reader that waits for an item in progress", async () => {
  const ahead = new ReadAhead<number>({
    slots: 1,
    allocate: () => new Uint8Array(1),
    make: () => new Promise(() => {}),
  });
  const waiting = assertRejects(ahead.next(), /enough/);
  ahead.close(new Error("enough"));
  await waiting;
  await assertRejects(ahead.next(), /enough/);
});

async function assertRejects(promise: Promise<unknown>, pattern: RegExp): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.match(String(error), pattern);
    return;
  }
  assert.unreachable("it resolved");
}

test.run();
