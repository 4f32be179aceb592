// Partitions: two ranks that lose each other while both reach rank 0, and a network that comes back.

import { connect, createServer, type Server, type Socket } from "node:net";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Formed } from "../../client/node/collective/contract.js";
import { errorOf } from "./error-of.js";
import { createRanks, type Ranks } from "./ranks.js";

/** A network between ranks: connections to its port go on to a rank's. */
interface Network {
  address: string;
  to(port: number): void;
  /** What is sent does not arrive, and nobody is told. */
  freeze(): void;
  thaw(): void;
  /** Connections are reset. */
  cut(): void;
  close(): void;
}

async function createNetwork(): Promise<Network> {
  const sockets = new Set<Socket>();
  let target = 0;
  const server: Server = createServer((inner) => {
    const outer = connect(target, "127.0.0.1");
    for (const [from, into] of [
      [inner, outer],
      [outer, inner],
    ]) {
      sockets.add(from);
      from.on("data", (bytes) => into.write(bytes));
      from.on("close", () => {
        sockets.delete(from);
        into.destroy();
      });
      from.on("error", () => {});
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const destroyAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${port}`,
    to(to) {
      target = to;
    },
    freeze() {
      for (const socket of sockets) socket.pause();
    },
    thaw() {
      for (const socket of sockets) socket.resume();
    },
    cut: destroyAll,
    close() {
      destroyAll();
      server.close();
    },
  };
}

const test = suite<{ ranks: Ranks[]; networks: Network[] }>("partitions");

test.before((context) => {
  context.ranks = [];
  context.networks = [];
});
test.after.each(async ({ ranks, networks }) => {
  for (const run of ranks.splice(0)) await run.close();
  for (const network of networks.splice(0)) network.close();
});

/** Three ranks, of which rank 2 reaches rank 1 over the network. */
async function join({ ranks, networks }: { ranks: Ranks[]; networks: Network[] }) {
  const network = await createNetwork();
  networks.push(network);
  const run = createRanks(3, { timeoutSeconds: 1 });
  ranks.push(run);
  await run.join();
  const { address } = await run.join({ advertise: network.address });
  network.to(Number(address.split(":")[1]));
  await run.join();
  return { run, network };
}

const sum = (formed: readonly Formed[]) =>
  formed.map(({ group }) => group.sumScalars([Float64Array.of(group.rank)]));

async function goesOn(formed: readonly Formed[]): Promise<void> {
  for (const total of await Promise.all(sum(formed))) assert.equal([...total], [3]);
}

test("ranks that hear nothing of each other end the group, all with the same reason, and form it again", async (context) => {
  const { run, network } = await join(context);
  const formed = await run.form();
  await goesOn(formed);
  network.freeze();
  const errors = await Promise.all(sum(formed).map(errorOf));
  for (const { code, message } of errors) {
    assert.is(code, "collective/peer-lost");
    assert.match(
      message,
      /^rank [12] \(127\.0\.0\.1:\d+\) is lost: its connection with rank [12] broke \(silent/,
    );
    assert.is(message, errors[0].message);
  }
  network.thaw();
  await goesOn(await run.form());
});

test("a connection that is reset ends the group within its reductions", async (context) => {
  const { run, network } = await join(context);
  const formed = await run.form();
  network.cut();
  const errors = await Promise.all(sum(formed).map(errorOf));
  for (const { code, message } of errors) {
    assert.is(code, "collective/peer-lost");
    assert.match(message, /^rank [12] .* is lost: its connection with rank [12] broke/);
  }
  await goesOn(await run.form());
});

test("a rank whose address leads nowhere is named, and nothing hangs", async ({ ranks }) => {
  const run = createRanks(2, { timeoutSeconds: 0.5 });
  ranks.push(run);
  await run.join();
  await run.join({ advertise: "127.0.0.1:1" });
  const errors = await Promise.all(run.members.map((member) => errorOf(member.form({ step: -1 }))));
  for (const { code, message } of errors) {
    assert.is(code, "collective/peer-lost");
    assert.match(message, /^rank 1 \(127\.0\.0\.1:1\) is lost: no connection with rank 0/);
  }
});

test.run();
