// Remote: a page whose model is on an inference server gets the server's logits for pictures of every kind.

import type { ServerResponse } from "node:http";
import { dirname } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { createRuntime } from "../../runtime/create-runtime.js";
import { nodeHost, nodeModelSource } from "../../runtime/host/node.js";
import { loadModel, type Model } from "../../runtime/load-model.js";
import type { Runtime } from "../../runtime/runtime.js";
import { type RestServer, startRest } from "../http/rest-server.js";
import { makeTinyModel, TINY_LABELS, wavesJpeg } from "../inference/tiny-model.js";
import { findChromium } from "./chromium.js";
import { type LibraryPage, openLibraryPage } from "./library-page.js";

const tiny = makeTinyModel();
const JPEG = wavesJpeg(3);
let opened: LibraryPage;
let rest: RestServer;
let closed: RestServer;
/** The script of the model's worker is not hosted. */
let lacksWorker = false;
let runtime: Runtime;
let model: Model;

function registerTests(executable: string): void {
  test.before(async () => {
    runtime = await createRuntime({ host: nodeHost(), device: "wasm" });
    model = await loadModel(runtime, nodeModelSource(tiny.folder), { batchSizes: [1] });
    const served = { ...model, name: "tiny", device: "wasm" };
    rest = await startRest({ corsOrigins: ["*"] }, served);
    closed = await startRest({}, served);
    const answer = ({ url }: { url?: string }, response: ServerResponse) => {
      if (!lacksWorker || url !== "/client/browser/worker.js") return false;
      response.writeHead(404).end();
      return true;
    };
    opened = await openLibraryPage({ executable, site: dirname(tiny.folder), answer });
  });
  test.after(async () => {
    await opened?.close();
    await rest?.close();
    await closed?.close();
    model?.dispose();
    await runtime?.dispose();
    tiny.remove();
  });

  test("the server's bits: logits, heads, embedding and rollout, of a file and of drawn pixels", async () => {
    const page = await opened.page.evaluate(
      async ([base64, url]) => {
        const classifier = await window.library.createClassifier({ device: "remote", remote: { url: url! } });
        const wanted = { heads: true, attention: true, embeddings: true };
        const answer = await classifier.classify(window.bytesOf(base64!), wanted);
        const drawn = new ImageData(50, 40);
        drawn.data.fill(99);
        const [pixels] = await classifier.classify([drawn]);
        const { card } = classifier;
        classifier.dispose();
        const after = await window.refusal(classifier.classify(drawn));
        return {
          ...{ card, after, logits: [...answer.logits], classes: answer.classes, picture: answer.picture },
          class: [...answer.heads!.class.logits],
          distillation: [...answer.heads!.distillation!.logits],
          ...{ rollout: [...answer.attention!.rollout], embedding: [...answer.embedding!] },
          pixels: [...pixels!.logits],
        };
      },
      [JPEG.toString("base64"), rest.url],
    );
    const { card } = page;
    assert.equal([card.name, card.device, card.imageSize, card.labels], ["tiny", "remote", 32, TINY_LABELS]);
    assert.match(card.deviceDescription, /^remote: http:.* computes on wasm$/);
    const pixels = await model.readPicture(JPEG);
    const here = await (await model.submit(pixels, 1, { attention: true, embeddings: true })).outcome;
    assert.equal(page.logits, [...here.logits]);
    assert.equal(page.class, [...here.classLogits]);
    assert.equal(page.distillation, [...here.distillationLogits!]);
    assert.equal(page.rollout, [...here.attention!.values]);
    assert.equal(page.embedding, [...here.embeddings!]);
    assert.equal(page.picture, { width: 60, height: 44, format: "JPEG", decodedBy: "vitrine", scale: 1 });
    const gray = await model.logits(new Uint8Array(32 * 32 * 3).fill(99), 1);
    assert.equal(page.pixels, [...gray.logits]);
    assert.is(page.after[0], "usage/disposed");
  });

  test("auto moves to the server where no device of the machine runs the model, and says why", async () => {
    const card = await opened.page.evaluate(async (url) => {
      const remote = { url: url!, model: "tiny" };
      // A page that is not isolated has no second thread.
      const classifier = await window.library.createClassifier({ model: "tiny", threads: 2, remote });
      const { card } = classifier;
      classifier.dispose();
      return card;
    }, rest.url);
    assert.is(card.device, "remote");
    assert.match(card.fallback ?? "", /threads is 2, but/);
  });

  test("auto moves to the server where the script of the model's worker cannot be fetched", async () => {
    lacksWorker = true;
    const [there, refusal] = await opened.page.evaluate(
      async ([url, base64]) => {
        const { library, bytesOf, refusal } = window;
        const remote = { url: url!, model: "tiny" };
        const classifier = await library.createClassifier({ model: "tiny", remote });
        const { classes } = await classifier.classify(bytesOf(base64!));
        const { device, fallback } = classifier.card;
        classifier.dispose();
        const alone = await refusal(library.createClassifier({ model: "tiny", remote, device: "wasm" }));
        return [{ device, fallback, classes: classes.length }, alone] as const;
      },
      [rest.url, JPEG.toString("base64")],
    );
    lacksWorker = false;
    assert.equal([there.device, there.classes], ["remote", 5]);
    assert.match(there.fallback ?? "", /the model worker's script could not be fetched/);
    assert.is(refusal[0], "network/unreachable");
  });

  test("a server that cannot be used is refused with its address and what it says", async () => {
    const refusals = await opened.page.evaluate(
      async ([url, closed]) => {
        const tried = [
          { url: url!, model: "none" },
          { url: closed! },
          { url: new URL("/tiny/", location.href), model: "x" },
          { url: "http://192.0.2.1:1/", token: "secret" },
        ];
        const { library, refusal } = window;
        const answers = [];
        for (const remote of tried)
          answers.push(await refusal(library.createClassifier({ device: "remote", remote })));
        answers.push(await refusal(library.createClassifier({ device: "remote" })));
        const control = new AbortController();
        const loading = library.createClassifier({
          device: "remote",
          remote: { url: url! },
          signal: control.signal,
        });
        setTimeout(() => control.abort(new Error("left")));
        answers.push(await refusal(loading));
        return answers;
      },
      [rest.url, closed.url],
    );
    assert.equal(
      refusals.map(([code]) => code),
      [
        "protocol/unknown-model",
        "network/unreachable",
        "network/http",
        "usage/tls",
        "usage/bad-option",
        "Error",
      ],
    );
    assert.match(refusals[0]![1], /v2\/models\/none: .*no model "none"/);
    assert.match(refusals[1]![1], /--cors-origin http:\/\/127\.0\.0\.1/);
    assert.match(refusals[2]![1], /answered 404/);
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
