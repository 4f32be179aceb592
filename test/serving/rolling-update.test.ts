// Rolling update: two processes behind one DNS name are stopped and started again in turn, under load, and no call of a
// client that has the name is lost.

import dns from "node:dns";
import { setTimeout as delay } from "node:timers/promises";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { inference } from "../../proto/generated/inference.js";
import { INFERENCE_SERVICE } from "../../proto/services.js";
import { addressOf, type RunningCommand, runCommand } from "../inference/run-command.js";
import { makeTinyModel, TINY } from "../inference/tiny-model.js";

const tiny = makeTinyModel();
const running = new Set<RunningCommand>();
test.after(() => {
  for (const { child } of running) child.kill("SIGKILL");
  tiny.remove();
});

/** What docs/deploy-serve.md gives clients. */
const SERVICE_CONFIG = {
  loadBalancingConfig: [{ round_robin: {} }],
  methodConfig: [
    {
      name: [{ service: "inference.GRPCInferenceService" }],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.2s",
        maxBackoff: "2s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
};

async function serve(listen: string): Promise<{ command: RunningCommand; address: string }> {
  const flags = [
    "--listen",
    listen,
    "--http",
    "off",
    "--device",
    "wasm",
    "--threads",
    "1",
    "--lame-duck",
    "0.5",
    "--bind",
    "loaded",
  ];
  const command = runCommand("serve", "--model", tiny.folder, ...flags);
  running.add(command);
  return { command, address: await addressOf(command) };
}

const NAME = "vitrine-serve.test";

/** The name has the addresses, as that of a headless Service. */
function nameServers(addresses: readonly string[]): () => void {
  const { lookup } = dns.promises;
  const named = (host: string, ...rest: never[]) =>
    host === NAME
      ? Promise.resolve(addresses.map((address) => ({ address, family: 4 })))
      : (lookup as (...all: unknown[]) => unknown)(host, ...rest);
  dns.promises.lookup = named as typeof lookup;
  return () => {
    dns.promises.lookup = lookup;
  };
}

const SIDE = TINY.imageSize;
const REQUEST = new inference.ModelInferRequest({
  modelName: "tiny",
  inputs: [{ name: "pixels", datatype: "UINT8", shape: [1, SIDE, SIDE, 3] }],
  rawInputContents: [new Uint8Array(SIDE * SIDE * 3).fill(7)],
});

function infer(client: Client): Promise<{ outcome: string; peer: string }> {
  const { ModelInfer } = INFERENCE_SERVICE;
  return new Promise((resolve) => {
    const call = client.makeUnaryRequest(
      ModelInfer.path,
      ModelInfer.requestSerialize,
      ModelInfer.responseDeserialize,
      REQUEST,
      new Metadata(),
      { deadline: Date.now() + 20_000 },
      (error: ServiceError | null) => {
        const outcome = error ? `${status[error.code]} ${error.details}` : "OK";
        resolve({ outcome, peer: call.getPeer() });
      },
    );
  });
}

// Only Linux has all of 127.0.0.0/8 without being asked to.
if (process.platform === "linux")
  test("two processes behind dns:/// that are stopped and started in turn lose no call", async () => {
    const first = await serve("127.0.0.1:0");
    const port = first.address.split(":").at(-1);
    const servers = [first, await serve(`127.0.0.2:${port}`)];
    const restore = nameServers(["127.0.0.1", "127.0.0.2"]);
    const client = new Client(`dns:///${NAME}:${port}`, credentials.createInsecure(), {
      "grpc.service_config": JSON.stringify(SERVICE_CONFIG),
      "grpc.initial_reconnect_backoff_ms": 200,
      "grpc.max_reconnect_backoff_ms": 500,
    });
    const outcomes = new Map<string, number>();
    let peers = new Set<string>();
    let isRunning = true;
    const loops = Array.from({ length: 16 }, async () => {
      while (isRunning) {
        const { outcome, peer } = await infer(client);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (outcome === "OK") peers.add(peer);
      }
    });
    const bothAnswer = async (): Promise<void> => {
      peers = new Set();
      for (let tries = 0; peers.size < 2; tries++) {
        if (tries > 1_000) assert.unreachable(`only ${[...peers]} answer: ${[...outcomes]}`);
        await delay(20);
      }
    };
    await bothAnswer();
    for (const [place, { command, address }] of servers.entries()) {
      command.child.kill("SIGTERM");
      assert.is(await command.ended, 0, `server ${place} ended`);
      assert.match(command.output().stderr, /no call was cut off/);
      await serve(address);
      await bothAnswer();
    }
    isRunning = false;
    await Promise.all(loops);
    client.close();
    restore();
    assert.equal([...outcomes.keys()], ["OK"]);
    assert.ok((outcomes.get("OK") ?? 0) > 100, `${outcomes.get("OK")} calls`);
  });

test.run();
