// Data set: order by code point, labels, fingerprint, and one typed line for every error.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { byCodePoint } from "../../runtime/batches/code-point-order.js";
import { isVitrineError } from "../../runtime/errors.js";
import { sampleLocation, sampleNames } from "../../server/data/dataset.js";
import { openDataset } from "../../server/data/open-dataset.js";
import { readSample } from "../../server/data/read-sample.js";

const test = suite<{ root: string }>("dataset");

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), "vitrine-dataset-"));
});

test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }));

function put(root: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

async function refusal(path: string): Promise<{ code: string; message: string }> {
  try {
    await openDataset(path);
  } catch (error) {
    if (isVitrineError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "none", message: "" };
}

test("sorting is by code point, not by UTF-16 unit and not by locale", async () => {
  const sorted = ["a", "B", "Z", "ä", "\u{ffff}", "\u{10000}", "\u{e000}", "ab", ""].sort(byCodePoint);
  assert.equal(sorted, ["", "B", "Z", "a", "ab", "ä", "\u{e000}", "\u{ffff}", "\u{10000}"]);
  const byBytes = [...sorted].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  assert.equal(byBytes, sorted, "UTF-8 bytes sort by code point too");
});

test("class folders give classes and files in order, at any depth, with other files counted", async ({
  root,
}) => {
  put(root, {
    "b/2.jpg": "22",
    "b/10.JPEG": "1",
    "B/x.Jpg": "xxx",
    "b/deep/er/y.jpeg": "y",
    "a/readme.txt": "",
    "a/2.heic": "",
    "a/3.txt": "",
    "a/photo": "GIF89a",
    "a/LICENSE": "words",
    "a/1.jpg": "a",
    "loose.jpg": "",
    ".hidden/z.jpg": "",
    "b/.z.jpg": "",
  });
  const dataset = await openDataset(root);
  assert.equal(dataset.classes, ["B", "a", "b"]);
  assert.equal(sampleNames(dataset), [
    "B/x.Jpg",
    "a/1.jpg",
    "a/photo",
    "b/10.JPEG",
    "b/2.jpg",
    "b/deep/er/y.jpeg",
  ]);
  assert.equal(Array.from(dataset.labels), [0, 1, 1, 2, 2, 2]);
  assert.is(dataset.otherFiles, 5);
  assert.is(dataset.otherKinds, "2 .txt, 1 .heic, 1 outside the class folders, 1 without an ending");
  assert.is(sampleLocation(dataset, 4).file, join(root, "b/2.jpg"));
});

test("an empty class folder keeps its index", async ({ root }) => {
  put(root, { "a/1.jpg": "", "c/1.jpg": "" });
  mkdirSync(join(root, "b"));
  assert.equal(Array.from((await openDataset(root)).labels), [0, 2]);
});

test("the fingerprint depends on names, sizes, labels and classes, and not on where the folder is", async ({
  root,
}) => {
  const files = { "a/1.jpg": "123", "b/1.jpg": "45" };
  const variants: Record<string, string>[] = [
    files,
    { "a/2.jpg": "123", "b/1.jpg": "45" },
    { "a/1.jpg": "1234", "b/1.jpg": "45" },
    { "a/1.jpg": "123", "c/1.jpg": "45" },
    { ...files, "b/2.jpg": "" },
  ];
  const fingerprints: string[] = [];
  for (const [i, variant] of variants.entries()) {
    put(join(root, `${i}`), variant);
    fingerprints.push((await openDataset(join(root, `${i}`))).fingerprint);
  }
  assert.is(new Set(fingerprints).size, variants.length);
  put(join(root, "elsewhere"), files);
  assert.is((await openDataset(join(root, "elsewhere"))).fingerprint, fingerprints[0]);
  assert.match(fingerprints[0] as string, /^[0-9a-f]{64}$/);
});

test("a list with integers gives class indices, in the list's order, paths relative to it", async ({
  root,
}) => {
  put(root, { "z.jpg": "", "sub/a, b.jpg": "" });
  writeFileSync(join(root, "list.csv"), '\ufeffpath,label,note\r\nz.jpg,3,x\r\n"sub/a, b.jpg",0,\r\n');
  const dataset = await openDataset(join(root, "list.csv"));
  assert.equal(sampleNames(dataset), ["z.jpg", "sub/a, b.jpg"]);
  assert.equal(Array.from(dataset.labels), [3, 0]);
  assert.equal(dataset.classes, ["", "", "", ""]);
  assert.is(sampleLocation(dataset, 1).file, join(root, "sub/a, b.jpg"));
});

test("a list with names gives classes by code point", async ({ root }) => {
  put(root, { "1.jpg": "", "2.jpg": "", "3.jpg": "" });
  writeFileSync(join(root, "list.csv"), "label,path\nzebra,1.jpg\nApfel,2.jpg\nzebra,3.jpg\n");
  const dataset = await openDataset(join(root, "list.csv"));
  assert.equal(dataset.classes, ["Apfel", "zebra"]);
  assert.equal(Array.from(dataset.labels), [1, 0, 1]);
});

test("an invalid folder gives one typed line that says what is expected", async ({ root }) => {
  assert.is((await refusal(join(root, "nowhere"))).code, "file/not-found");
  assert.is((await refusal(root)).code, "data/no-class-folders");
  put(root, { "1.jpg": "" });
  assert.is((await refusal(root)).code, "data/no-class-folders");
  put(root, { "a/1.heic": "" });
  const { code, message } = await refusal(root);
  assert.is(code, "data/no-images");
  assert.match(
    message,
    /its 1 class folder has 2 files \(1 \.heic, 1 outside the class folders\) and no pictures; .*AVIF, PPM files$/,
  );
  assert.not.match(message, /\n/);
});

test("names that are not UTF-8 are read, and shown with their bytes", async ({ root }) => {
  if (process.platform !== "linux") return;
  put(root, { "a/1.jpg": "", "b/\ufffd.jpg": "" });
  assert.is((await openDataset(root)).samples, 2, "the replacement character itself may be in a name");
  const bytes = (...parts: (string | number[])[]) =>
    Buffer.concat([Buffer.from(`${root}/`), ...parts.map((part) => Buffer.from(part as string))]);
  writeFileSync(bytes("a/b", [0xff], ".jpg"), "12");
  mkdirSync(bytes([0xfe, 0xc3, 0xa4]));
  writeFileSync(bytes([0xfe, 0xc3, 0xa4], "/x.jpg"), "345");
  const dataset = await openDataset(root);
  assert.equal(sampleNames(dataset), ["a/1.jpg", "a/b\\xff.jpg", "b/\ufffd.jpg", "\\xfe\u00e4/x.jpg"]);
  assert.equal(dataset.classes, ["a", "b", "\\xfe\u00e4"]);
  const location = sampleLocation(dataset, 1);
  assert.is(location.name, join(root, "a/b\\xff.jpg"));
  assert.equal((await readSample(structuredClone(location))).length, 2);
  assert.equal((await readSample(sampleLocation(dataset, 3))).length, 3);
});

test("what cannot be listed is counted and named together, or left out", async ({ root }) => {
  put(root, { "a/1.jpg": "", "b/1.jpg": "" });
  symlinkSync(join(root, "gone.jpg"), join(root, "a/2.jpg"));
  const one = await refusal(root);
  assert.is(one.code, "file/unreadable");
  assert.match(one.message, /a\/2\.jpg: a link to nothing, or removed meanwhile \(--bad-samples skip leaves/);
  symlinkSync("3.jpg", join(root, "a/3.jpg"));
  symlinkSync("..", join(root, "a/up"));
  symlinkSync("../b", join(root, "a/to-b"));
  symlinkSync("../a", join(root, "b/to-a"));
  symlinkSync("nowhere", join(root, "c"));
  const all = await refusal(root);
  assert.match(all.message, /^9 entries cannot be listed: /);
  assert.match(all.message, /3\.jpg: a link that leads back to itself/);
  assert.match(all.message, /a\/up: a link to a folder that it is in/);
  assert.match(all.message, /; and 4 more \(/);
  assert.not.match(all.message, /\n/);
  const dataset = await openDataset(root, { badSamples: "skip" });
  assert.equal(sampleNames(dataset), ["a/1.jpg", "a/to-b/1.jpg", "b/1.jpg", "b/to-a/1.jpg"]);
  assert.match(dataset.leftOut, /^9 entries cannot be listed and are left out: /);
});

test("rows without a file are left out under skip, and their classes stay", async ({ root }) => {
  put(root, { "1.jpg": "", "2.jpg": "" });
  const list = join(root, "list.csv");
  writeFileSync(list, "path,label\n1.jpg,cat\ngone.jpg,bat\n2.jpg,dog\n");
  const { message } = await refusal(list);
  assert.match(message, /list\.csv: line 3: gone\.jpg: no such file .*\(--bad-samples skip leaves out/);
  const dataset = await openDataset(list, { badSamples: "partial" });
  assert.equal(
    [sampleNames(dataset), [...dataset.labels]],
    [
      ["1.jpg", "2.jpg"],
      [1, 2],
    ],
  );
  assert.match(dataset.leftOut, /^1 entry cannot be listed and is left out: line 3: gone\.jpg/);
  writeFileSync(list, "path,label\ngone.jpg,bat\n");
  const none = await openDataset(list, { badSamples: "skip" }).catch((error: Error) => error);
  assert.match((none as Error).message, /the list has no images, since 1 entry cannot be listed/);
});

test("lists are read as people write them", async ({ root }) => {
  put(root, { "a b.jpg": "", "c.png": "" });
  const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, "utf16le");
  const forms: [name: string, text: string | Uint8Array][] = [
    ["caps.csv", "Path,Label\na b.jpg,cat\nc.png,dog\n"],
    ["huggingface.csv", "file_name,label\na b.jpg,cat\nc.png,dog\n"],
    ["tabs.tsv", "path\tlabel\r\na b.jpg\tcat\r\nc.png\tdog\r\n"],
    ["semicolons.csv", "label;other;path\ncat;x;a b.jpg\ndog;;c.png\n"],
    ["headerless.csv", "a b.jpg,cat\nc.png,dog\n"],
    ["spaces.txt", "a b.jpg cat\n\nc.png   dog\n"],
    ["lines.jsonl", '{"file_name": "a b.jpg", "label": "cat"}\n\n{"Label": "dog", "file_name": "c.png"}\n'],
    ["wide.csv", utf16("path,label\na b.jpg,cat\nc.png,dog\n")],
    ["wide-big-endian.csv", utf16("path,label\na b.jpg,cat\nc.png,dog\n").swap16()],
    ["old-mac.txt", "a b.jpg cat\rc.png dog\r"],
    ["old-mac.jsonl", '{"path": "a b.jpg", "label": "cat"}\r{"path": "c.png", "label": "dog"}\r'],
    ["packed.csv.gz", gzipSync("path,label\na b.jpg,cat\nc.png,dog\n")],
  ];
  const prints = new Set<string>();
  for (const [name, text] of forms) {
    writeFileSync(join(root, name), text);
    const dataset = await openDataset(join(root, name));
    const { labels, classes, fingerprint } = dataset;
    assert.equal(
      [sampleNames(dataset), [...labels], classes],
      [
        ["a b.jpg", "c.png"],
        [0, 1],
        ["cat", "dog"],
      ],
      name,
    );
    prints.add(fingerprint);
  }
  assert.is(prints.size, 1);
});

test("a comma within quotes does not separate the cells of a list without a header", async ({ root }) => {
  put(root, { "a,b.jpg": "", "c.jpg": "" });
  writeFileSync(join(root, "quoted.csv"), '"a,b.jpg";1\nc.jpg;0\n');
  assert.equal(sampleNames(await openDataset(join(root, "quoted.csv"))), ["a,b.jpg", "c.jpg"]);
});

test("a picture may be listed twice with one label in two spellings", async ({ root }) => {
  put(root, { "a.jpg": "" });
  writeFileSync(join(root, "twice.csv"), "path,label\na.jpg,1\n./a.jpg,1.0\n");
  assert.equal([...(await openDataset(join(root, "twice.csv"))).labels], [1, 1]);
});

test("a row of spaces takes no longer than its length", async ({ root }) => {
  put(root, { "a.jpg": "" });
  writeFileSync(join(root, "spaces.txt"), `a.jpg 0\n${" ".repeat(200_000)}\n`);
  const start = performance.now();
  assert.is((await openDataset(join(root, "spaces.txt"))).samples, 1);
  // Quadratic time would be a minute and a half.
  assert.ok(performance.now() - start < 10_000);
});

test("labels that pandas wrote as floats are indices, not names in the order of text", async ({ root }) => {
  put(root, { "a.jpg": "", "b.jpg": "" });
  writeFileSync(join(root, "float.csv"), "path,label\na.jpg,10.0\nb.jpg,2.0\n");
  const { labels, classes } = await openDataset(join(root, "float.csv"));
  assert.equal([...labels], [10, 2]);
  assert.is(classes.length, 11);
});

test("an invalid list gives one typed line with the line number", async ({ root }) => {
  put(root, { "1.jpg": "" });
  const list = join(root, "list.csv");
  const cases: [text: string, code: string, says: RegExp][] = [
    ["", "data/bad-list", /has no images/],
    ["path,label\n", "data/bad-list", /has no images/],
    [
      "where,label\n1.jpg,0\n",
      "data/bad-list",
      /no column "path" \(or file_name, .*\), only "where", "label"/,
    ],
    ["path,what\n1.jpg,0\n", "data/bad-list", /no column "label"/],
    ["path,label\n1.jpg,0.5\n", "data/bad-list", /line 2 has the label 0\.5; allowed: whole numbers/],
    [
      "path,label\n1.jpg,cat\n1.jpg,cat\n1.jpg,dog\n",
      "data/bad-list",
      /lines 2 and 4 give "1\.jpg" the labels "cat" and "dog"/,
    ],
    [
      '{"path": "1.jpg", "label": 0}\n{"path": "1.jpg"}\n',
      "data/bad-list",
      /line 2 has no text or number "label"/,
    ],
    ['{"path": "1.jpg", "label": 0}\nnull\n', "data/bad-list", /line 2 is no object/],
    ['{"path": "1.jpg"', "data/bad-list", /line 1 is not JSON/],
    ["\u001f\u008b", "data/bad-list", /list\.csv/],
    [
      `path,label\n${[1, 2, 3, 4].map((n) => `gone-${n}.jpg,0`).join("\n")}\n`,
      "data/missing-file",
      /4 entries cannot be listed: line 2: gone-1\.jpg: no such file .*; line 3: gone-2\.jpg.*; line 5: gone-4/,
    ],
    ["path,label\n1.jpg,\n", "data/bad-list", /line 2 has an empty label/],
    ["path,label\n1.jpg,0\n2.jpg,cat\n", "data/bad-list", /line 3 has the class name "cat"/],
    [
      `path,label\n1.jpg,${"x".repeat(3e6)}\n`,
      "data/bad-list",
      /line 2 has a label of 3,000,000 characters; allowed: 1000/,
    ],
    ["path,label\n1.jpg,-1\n", "data/bad-list", /line 2 has class index -1/],
    ["path,label\n1.jpg,4000000000\n", "data/bad-list", /allowed: 0 to/],
    ['path,label\n"1.jpg,0\n', "data/bad-list", /list\.csv/],
    ["path,label\n1.jpg,0\n2.jpg,1\n", "data/missing-file", /line 3: 2\.jpg: no such file/],
    ["path,label\n.,0\n", "data/missing-file", /not a file/],
    [
      "path,label\n1.jpg,cat\nsub/.././1.jpg,dog\n",
      "data/bad-list",
      /lines 2 and 3 give "sub\/\.\.\/\.\/1\.jpg" the labels "cat" and "dog"/,
    ],
    ["path,label\n1\0.jpg,0\n", "data/missing-file", /line 2: 1\\u0000\.jpg: no such file/],
    [`path,label\n${"1".repeat(5e6)}.jpg,0\n`, "data/missing-file", /line 2: 1{50,}.*: no such file/],
  ];
  for (const [text, code, says] of cases) {
    writeFileSync(list, text);
    const found = await refusal(list);
    assert.is(found.code, code, text);
    assert.match(found.message, says);
    assert.not.match(found.message, /\n/);
    assert.ok(found.message.length < 2_000);
  }
});

test.run();
