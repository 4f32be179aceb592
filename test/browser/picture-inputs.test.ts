// Picture inputs: whatever a page has a picture in gives the answer of its file, and nothing of the page's is consumed.

import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PNG } from "pngjs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { drawWaves, makeTinyModel } from "../inference/tiny-model.js";
import { assertClose } from "../nn/compare.js";
import { findChromium } from "./chromium.js";
import { type LibraryPage, openLibraryPage } from "./library-page.js";

const [WIDTH, HEIGHT] = [60, 44];
const tiny = makeTinyModel();
const site = dirname(tiny.folder);
let opened: LibraryPage;

function encode(data: Buffer): Buffer {
  const png = new PNG({ width: WIDTH, height: HEIGHT });
  data.copy(png.data);
  return PNG.sync.write(png);
}

const opaque = encode(drawWaves(3, WIDTH, HEIGHT));
/** The same colors, all transparent. */
const transparent = encode(
  drawWaves(3, WIDTH, HEIGHT).map((value, place) => (place % 4 === 3 ? 0 : value)) as Buffer,
);

/** Runs in the page: answers by kind of input. */
async function classifyEveryKind(base64: string): Promise<Record<string, { logits: number[]; by: string }>> {
  const bytes = window.bytesOf(base64);
  const blob = new Blob([bytes], { type: "image/png" });
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  const bitmap = await createImageBitmap(blob);
  const draw = (canvas: HTMLCanvasElement | OffscreenCanvas) => {
    [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    const context = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
    context.drawImage(bitmap, 0, 0);
    return context;
  };
  const canvas = document.createElement("canvas");
  const pixels = draw(canvas).getImageData(0, 0, bitmap.width, bitmap.height);
  const offscreen = new OffscreenCanvas(1, 1);
  draw(offscreen);
  const frame = document.body.appendChild(document.createElement("iframe"));
  const foreign = (frame.contentWindow as Window & typeof globalThis).Uint8Array.from(bytes);
  const kinds = {
    Uint8Array: bytes,
    "part of a Uint8Array": Uint8Array.from([0, ...bytes, 0]).subarray(1, bytes.length + 1),
    "Uint8Array of another window": foreign as Uint8Array,
    ArrayBuffer: bytes.slice().buffer,
    Blob: blob,
    File: new File([bytes], "waves.png"),
    URL: new URL("/opaque.png", location.href),
    "relative URL": "opaque.png",
    "blob URL": image.src,
    "data URL": `data:image/png;base64,${base64}`,
    "data URL without base64": `data:image/png,${[...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")}`,
    HTMLImageElement: image,
    HTMLCanvasElement: canvas,
    OffscreenCanvas: offscreen,
    ImageBitmap: bitmap,
    ImageData: pixels,
    VideoFrame: new VideoFrame(canvas, { timestamp: 0 }),
  };
  const answers: Record<string, { logits: number[]; by: string }> = {};
  // Twice: the first call must leave its input as it was.
  for (const round of [1, 2])
    for (const [kind, input] of Object.entries(kinds)) {
      const { logits, picture } = await window.classifier.classify(input);
      if (picture.width !== bitmap.width || picture.height !== bitmap.height)
        throw new Error(`${kind}: size`);
      answers[`${kind}, ${round}`] = { logits: [...logits], by: picture.decodedBy };
    }
  return answers;
}

/** Runs in the page: the answer about a playing video of one picture, and the error about one without a frame. */
async function classifyVideo(base64: string) {
  const bitmap = await createImageBitmap(new Blob([window.bytesOf(base64)]));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d")!;
  const video = document.createElement("video");
  const empty = await window.refusal(window.classifier.classify(video));
  video.muted = true;
  video.srcObject = canvas.captureStream();
  const painting = setInterval(() => context.drawImage(bitmap, 0, 0), 20);
  await video.play();
  const { logits, picture } = await window.classifier.classify(video);
  clearInterval(painting);
  return { empty, logits: [...logits], size: [picture.width, picture.height] };
}

function registerTests(executable: string): void {
  test.before(async () => {
    writeFileSync(join(site, "opaque.png"), opaque);
    writeFileSync(join(site, "page.html"), "<!doctype html><title>no picture</title>");
    opened = await openLibraryPage({ executable, site });
    await opened.page.evaluate(async () => {
      window.classifier = await window.library.createClassifier({ model: "tiny" });
    });
  });
  test.after(async () => {
    await opened?.close();
    tiny.remove();
  });

  test("every kind of input has the file's logits, and can be classified again", async () => {
    const answers = await opened.page.evaluate(classifyEveryKind, opaque.toString("base64"));
    const expected = answers["Uint8Array, 1"]?.logits;
    assert.is(Object.keys(answers).length, 34);
    for (const [kind, { logits, by }] of Object.entries(answers)) {
      assert.equal(logits, expected, kind);
      const drawn = /^(HTML|Offscreen|Image|Video)/.test(kind);
      assert.is(by, drawn ? "browser" : "vitrine", kind);
    }
  });

  test("a video gives its current frame; one without is refused", async () => {
    const { empty, logits, size } = await opened.page.evaluate(classifyVideo, opaque.toString("base64"));
    assert.is(empty[0], "usage/picture");
    assert.match(empty[1], /no frame yet/);
    assert.equal(size, [WIDTH, HEIGHT]);
    const file = await opened.page.evaluate(
      async (base64) => [...(await window.classifier.classify(window.bytesOf(base64))).logits],
      opaque.toString("base64"),
    );
    // A stream may be kept in YUV.
    assertClose(logits, Float32Array.from(file), 0.5, "video");
  });

  test("a file and ImageData keep the color under transparency", async () => {
    const [file, pixels, visible] = await opened.page.evaluate(
      async ([hidden, shown]) => {
        const { classifier, bytesOf } = window;
        const bitmap = await createImageBitmap(new Blob([bytesOf(shown)]));
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")!;
        context.drawImage(bitmap, 0, 0);
        const data = context.getImageData(0, 0, bitmap.width, bitmap.height);
        for (let place = 3; place < data.data.length; place += 4) data.data[place] = 0;
        const answers = await classifier.classify([bytesOf(hidden), data, bytesOf(shown)]);
        return answers.map(({ logits }) => [...logits]);
      },
      [transparent.toString("base64"), opaque.toString("base64")] as const,
    );
    assert.equal(file, visible);
    assert.equal(pixels, visible);
  });

  test("a list has the answers in its order, and the first failure drops the others", async () => {
    const [single, listed, failed, none] = await opened.page.evaluate(async (base64) => {
      const { classifier, bytesOf } = window;
      const picture = bytesOf(base64);
      const inputs = Array.from({ length: 9 }, (_, place) => {
        const data = new ImageData(40 + place, 40);
        data.data.fill(place * 25);
        return data;
      });
      const single = [];
      for (const input of inputs) single.push([...(await classifier.classify(input)).logits]);
      const listed = (await classifier.classify(inputs)).map(({ logits }) => [...logits]);
      const failed = await classifier
        .classify([picture, new Uint8Array([1, 2, 3]), picture])
        .catch(({ code, details }) => [code, details.index]);
      return [single, listed, failed, await classifier.classify([])] as const;
    }, opaque.toString("base64"));
    assert.equal(listed, single);
    assert.is(new Set(single.map(String)).size, 9);
    assert.equal(failed, ["image/unreadable", 1]);
    assert.equal(none, []);
  });

  test("what is no picture is refused with what is allowed", async () => {
    const refusals = await opened.page.evaluate(async () => {
      const { classifier, refusal } = window;
      const closed = await createImageBitmap(new ImageData(4, 4));
      closed.close();
      const inputs = [
        undefined,
        42,
        {},
        document.createElement("div"),
        new Float32Array(4),
        "http://",
        "data:image/png;base64,%%%",
        new Image(),
        Object.assign(new Image(), { src: "none.png" }),
        document.createElement("canvas").getContext("2d"),
        closed,
        Object.assign(document.createElement("canvas"), { width: 0 }),
        "none.png",
        "page.html",
        "http://127.0.0.1:9/x.png",
      ];
      const answers = [];
      for (const input of inputs) answers.push(await refusal(classifier.classify(input as never)));
      return answers;
    });
    const codes = refusals.map(([code]) => code);
    assert.equal(
      codes.slice(0, 12),
      Array.from({ length: 12 }, () => "usage/picture"),
    );
    assert.equal(codes.slice(12), ["network/http", "image/unknown-format", "network/unreachable"]);
    for (const [, text] of refusals.slice(0, 5)) assert.match(text, /allowed: Blob, File, .*VideoFrame/);
    assert.match(refusals[3]![1], /from HTMLDivElement/);
    assert.match(refusals[12]![1], /none\.png: the server answered 404/);
    assert.match(refusals[13]![1], /page\.html: .*text\/html/);
  });

  test("a picture of too many pixels is refused with both numbers; a JPEG is decoded at a scale", async () => {
    const { refusals, scaled } = await opened.page.evaluate(async (base64) => {
      const { library, bytesOf, refusal } = window;
      const limited = await library.createClassifier({ model: "tiny", pixelLimit: 1000 });
      const canvas = new OffscreenCanvas(80, 60);
      canvas.getContext("2d")!.fillRect(0, 0, 40, 30);
      const refusals = [
        await refusal(limited.classify(bytesOf(base64))),
        await refusal(limited.classify(canvas)),
        await refusal(limited.classify(new ImageData(80, 60))),
      ];
      const jpeg = await canvas.convertToBlob({ type: "image/jpeg" });
      const { picture, crop } = await limited.classify(jpeg);
      limited.dispose();
      return { refusals, scaled: { picture, crop } };
    }, opaque.toString("base64"));
    for (const [code, text] of refusals) {
      assert.is(code, "image/too-large");
      assert.match(text, /[24],[68][048]0 pixels, allowed are 1,000/);
    }
    const { picture, crop } = scaled;
    assert.equal(picture, { width: 80, height: 60, format: "JPEG", decodedBy: "vitrine", scale: 0.25 });
    // 32 of 36 pixels of the short side.
    assertClose(
      [crop.x, crop.y, crop.width, crop.height],
      Float32Array.of(13.3333, 3.3333, 53.3333, 53.3333),
      0.1,
      "crop",
    );
  });

  test.run();
}

const executable = findChromium();
if (executable) registerTests(executable);
else {
  console.log("skipped: needs chromium");
  tiny.remove();
}
