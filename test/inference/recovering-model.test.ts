// Recovering model: every batch that a lost device held runs once more, all of them on one new device.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { VitrineError } from "../../runtime/errors.js";
import { finished, type Started, underway } from "../../runtime/executors/pipelined.js";
import type { Logits } from "../../runtime/inference/logits.js";
import { type ModelOnDevice, RecoveringModel } from "../../server/inference/engine/recovering-model.js";

/** A device whose batches are underway until it ends them or is lost. */
class FakeDevice implements ModelOnDevice {
  readonly device = "fake";
  readonly description: string;
  readonly computes: boolean;
  disposed = 0;
  readonly #underway: { end(logits: Logits): void; fail(error: Error): void; answer: Logits }[] = [];

  constructor(index: number, computes: boolean) {
    this.description = `device ${index}`;
    this.computes = computes;
  }

  async submit(pixels: Uint8Array, count: number): Promise<Started<Logits>> {
    const logits = Float32Array.from({ length: count }, (_, i) => 2 * (pixels[i] as number));
    const answer = { logits, classLogits: logits };
    if (!this.computes) return finished(answer);
    return underway(
      new Promise<Logits>((end, fail) => {
        this.#underway.push({ end, fail, answer });
      }),
    );
  }

  /** Fails its first batch with the loss, and later ones as disposed of, as Dawn does. */
  async lose(): Promise<void> {
    for (const [place, { fail }] of this.#underway.splice(0).entries()) {
      const code = place === 0 ? "device/lost" : "device/disposed";
      fail(new VitrineError(code, `${this.description}: ${code}`));
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  end(): void {
    for (const { end, answer } of this.#underway.splice(0)) end(answer);
  }

  async dispose(): Promise<void> {
    this.disposed++;
  }
}

/** A model on devices opened in sequence; the one at `cpuIndex` computes within the call. */
function recovering(cpuIndex = -1) {
  const devices = [new FakeDevice(0, cpuIndex !== 0)];
  const notices: string[] = [];
  const open = async () => {
    const device = new FakeDevice(devices.length, devices.length !== cpuIndex);
    devices.push(device);
    return device;
  };
  const model = new RecoveringModel(devices[0] as FakeDevice, open, (text) => void notices.push(text));
  return { model, devices, notices };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 5));
const twoBatches = async (model: RecoveringModel) => [
  await model.submit(Uint8Array.of(1, 2), 2),
  await model.submit(Uint8Array.of(3), 1),
];

test("two batches in flight at a loss run once more on one new device, whatever error the second one got", async () => {
  const { model, devices, notices } = recovering();
  const started = await twoBatches(model);
  await devices[0]?.lose();
  await soon();
  devices[1]?.end();
  const answers = await Promise.all(started.map(({ outcome }) => outcome));
  assert.equal(
    answers.map(({ logits }) => [...logits]),
    [[2, 4], [6]],
  );
  assert.equal([devices.length, devices[0]?.disposed], [2, 1]);
  assert.equal(notices, ["device 0: device/lost", "the model is back: device 1"]);
});

test("batches that are affected by two losses fail, and the next call gets a device", async () => {
  const { model, devices } = recovering();
  const started = await twoBatches(model);
  await devices[0]?.lose();
  await soon();
  await devices[1]?.lose();
  for (const { outcome } of started)
    assert.match(String(await outcome.catch((error) => error)), /device 1: device\/lost/);
  const next = await model.submit(Uint8Array.of(5), 1);
  devices[2]?.end();
  assert.equal([...(await next.outcome).logits], [10]);
  assert.equal(
    devices.map(({ disposed }) => disposed),
    [1, 1, 0],
  );
});

test("a model reopened on the CPU answers within the call, and the next batch waits for it", async () => {
  const { model, devices } = recovering(1);
  const [first] = await twoBatches(model);
  await devices[0]?.lose();
  assert.equal([...((await first?.outcome)?.logits ?? [])], [2, 4]);
  assert.is((await model.submit(Uint8Array.of(7), 1)).underway, false);
});

test("other failures are reported unchanged and replace no device", async () => {
  const { model, devices, notices } = recovering();
  const broken = Object.assign(devices[0] as FakeDevice, {
    submit: async () => underway(Promise.reject(new Error("out of order"))),
  });
  const { outcome } = await model.submit(Uint8Array.of(1), 1);
  assert.is(await outcome.catch(String), "Error: out of order");
  assert.equal([broken.disposed, devices.length, notices.length], [0, 1, 0]);
});

test.run();
