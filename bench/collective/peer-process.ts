// One of two processes of the collective bench. `reduce`: a rank, which sums so many float32 with the other one; `bare`: a
// bare grpc-js stream of as many bytes to the other process and one from it, at once. For each number of bytes that the
// parent sends, it answers with the seconds and its CPU time.
//
// `node peer-process.js reduce|bare RANK`: it sends its address and waits for the other's.

import { once } from "node:events";
import { Client, credentials, Metadata, Server, type ServerDuplexStream } from "@grpc/grpc-js";
import { joinRun } from "../../client/node/collective/join-run.js";
import { COLLECTIVE_SERVICE, FRAME_BYTES } from "../../proto/collective-codec.js";
import { collectiveServer } from "../../server/collective-server.js";
import { listen } from "../../server/listen.js";

const [kind, rank] = process.argv.slice(2);

/** Moves so many bytes in both directions. */
type Exchange = (bytes: number) => Promise<void>;

async function otherAddress(own: string): Promise<string> {
  process.send?.({ address: own });
  const [{ address }] = (await once(process, "message")) as [{ address: string }];
  return address;
}

async function openRank(): Promise<Exchange> {
  const options = { world: 2, pieces: 2, waitSeconds: 30, facts: {}, say: () => {} };
  const serve = collectiveServer({}, () => {});
  const join = (master: string) => joinRun({ ...options, serve, master, rank: Number(rank) });
  // Rank 1 has no address before it knows rank 0's.
  const first = rank === "0" ? await join("127.0.0.1:0") : null;
  const master = await otherAddress(first?.address ?? "");
  const member = first ?? (await join(master));
  const { group } = await member.form({ step: -1 });
  const arrays = new Map<number, [gradient: Float32Array, total: Float32Array]>();
  return async (bytes) => {
    const [gradient, total] = arrays.get(bytes) ?? [
      new Float32Array(bytes / 4).fill(Number(rank) + 1),
      new Float32Array(bytes / 4),
    ];
    arrays.set(bytes, [gradient, total]);
    await group.allReduce([gradient], total);
    if (total[0] !== 3 || total[total.length - 1] !== 3) throw new Error("bench: the sum is wrong");
  };
}

const raw = (message: Buffer) => message;
const BARE = { ...COLLECTIVE_SERVICE.Link, requestSerialize: raw, requestDeserialize: raw };
const METHOD = { ...BARE, responseSerialize: raw, responseDeserialize: raw };

/** Each request asks for its number of bytes. The window is that of our links. */
async function openBare(): Promise<Exchange> {
  const server = new Server();
  const content = Buffer.alloc(FRAME_BYTES, 1);
  server.addService({ Link: METHOD } as never, {
    Link: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (request: Buffer) => {
        for (let left = request.readDoubleLE(); left > 0; left -= FRAME_BYTES)
          call.write(content.subarray(0, left));
      });
    },
  });
  const address = await otherAddress(await listen(server, "127.0.0.1:0"));
  const client = new Client(address, credentials.createInsecure(), {
    "grpc-node.flow_control_window": 24 << 20,
    "grpc.max_receive_message_length": -1,
  });
  const call = client.makeBidiStreamRequest(METHOD.path, raw, raw, new Metadata());
  let received = 0;
  let wanted = 0;
  let done: () => void = () => {};
  call.on("data", (message: Buffer) => {
    received += message.length;
    if (received === wanted) done();
  });
  return (bytes) => {
    wanted += bytes;
    const request = Buffer.alloc(8);
    request.writeDoubleLE(bytes);
    call.write(request);
    return new Promise((resolve) => {
      done = resolve;
    });
  };
}

const exchange = await (kind === "bare" ? openBare() : openRank());
process.on("message", async ({ bytes }: { bytes: number }) => {
  const before = process.cpuUsage();
  const start = performance.now();
  await exchange(bytes);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  process.send?.({ seconds, microseconds: user + system });
});
process.on("disconnect", () => process.exit());
process.send?.({ ready: true });
