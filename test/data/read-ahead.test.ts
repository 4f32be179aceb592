// Read-ahead: order, bounded buffers, leases and ends.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { ReadAhead } from "../../server/data/read-ahead.js";

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

interface Counted {
  ahead: ReadAhead<number>;
  begun(): number;
}

/** Items 0, 1, 2 … written into their buffers, later ones finishing earlier. */
function counting(slots: number, end = Number.POSITIVE_INFINITY): Counted {
  let begun = 0;
  const ahead = new ReadAhead<number>({
    slots,
    allocate: () => new Uint8Array(1),
    make(buffer) {
      if (begun >= end) return null;
      const item = begun++;
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
  return { ahead, begun: () => begun };
}

test("items come in order though later ones are ready earlier", async () => {
  const { ahead } = counting(3, 10);
  const seen: number[] = [];
  for (let leased = await ahead.next(); leased; leased = await ahead.next()) {
    seen.push(leased.item);
    leased.release();
  }
  assert.equal(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.is(await ahead.next(), null, "the end stays the end");
});

test("no more items are begun than there are buffers, and releasing one begins one", async () => {
  const { ahead, begun } = counting(3);
  const first = await ahead.next();
  for (let i = 0; i < 10; i++) await turn();
  assert.is(begun(), 3);
  first?.release();
  first?.release();
  for (let i = 0; i < 10; i++) await turn();
  assert.is(begun(), 4, "a lease ends once");
  ahead.close(new Error("enough"));
});

test("nothing is begun before it is admitted", async () => {
  let admit = (): void => {};
  let begun = 0;
  const ahead = new ReadAhead<number>({
    slots: 2,
    allocate: () => new Uint8Array(1),
    make: () => Promise.resolve(begun++),
    admit: () =>
      new Promise((resolve) => {
        admit = resolve;
      }),
  });
  await turn();
  assert.is(begun, 0);
  admit();
  await turn();
  assert.is(begun, 1);
  ahead.close(new Error("enough"));
});

test("an item that fails rejects at its own place, after those before it", async () => {
  let begun = 0;
  const ahead = new ReadAhead<number>({
    slots: 4,
    allocate: () => new Uint8Array(1),
    make: () => {
      const item = begun++;
      return item === 2 ? Promise.reject(new Error("bad item")) : Promise.resolve(item);
    },
  });
  assert.is((await ahead.next())?.item, 0);
  assert.is((await ahead.next())?.item, 1);
  await assertRejects(ahead.next(), /bad item/);
  ahead.close(new Error("enough"));
});

test("closing wakes a reader that waits", async () => {
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
