// Labels: how a data set's class names find a model's.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { readConfigJson } from "../../runtime/models/families.js";
import { IMAGENET_LABELS, IMAGENET_SYNSETS } from "../../runtime/models/imagenet-labels.js";
import { defaultLabels, findClasses, matchClasses } from "../../runtime/models/labels.js";

const SHAPES = ["disc", "ring", "square", "small star"];

test("a model of 1,000 classes without labels gets ImageNet's names, any other gets numbers", () => {
  assert.is(defaultLabels(1000)[7], "cock");
  assert.equal(defaultLabels(3), ["class 0", "class 1", "class 2"]);
});

test("the ImageNet list has 1,000 names, and synsets in ascending order", () => {
  assert.is(IMAGENET_LABELS.length, 1000);
  assert.is(IMAGENET_SYNSETS.length, 1000);
  assert.equal([...IMAGENET_SYNSETS].sort(), IMAGENET_SYNSETS);
  assert.ok(IMAGENET_SYNSETS.every((id) => /^n\d{8}$/.test(id)));
  assert.ok(IMAGENET_LABELS.every((label) => label !== "" && label === label.trim()));
  assert.equal([IMAGENET_LABELS[0], IMAGENET_LABELS[999]], ["tench", "toilet tissue"]);
});

test("class folders in another order match by name, regardless of case and separators", () => {
  const { indices, notice } = matchClasses(["Small_Star", "disc", "ring", "square"], SHAPES);
  assert.equal([...indices], [3, 0, 1, 2]);
  assert.is(notice, undefined);
});

test("a data set with some of the classes matches too", () => {
  assert.equal([...matchClasses(["square"], SHAPES).indices], [2]);
});

test("ImageNet's folders match by synset, Hugging Face's long labels by each of their names", () => {
  assert.equal([...matchClasses(["n01443537", "n01440764"], IMAGENET_LABELS).indices], [1, 0]);
  assert.equal(
    [...matchClasses(["goldfish"], ["tench, Tinca tinca", "goldfish, Carassius auratus"]).indices],
    [1],
  );
});

test("exact names win over those that differ in case or separators", () => {
  const letters = ["A", "a", "b", "hot_dog", "hot-dog", "a, b"];
  assert.equal([...matchClasses(letters, letters).indices], [0, 1, 2, 3, 4, 5]);
  assert.equal([...matchClasses(["a", "B"], ["A", "a", "b"]).indices], [1, 2]);
  assert.equal([...matchClasses(["A", "a"], ["a", "A"]).indices], [1, 0]);
});

test("two names of one label are refused, as is one name of two", () => {
  assert.throws(() => matchClasses(["Disc", "DISC"], SHAPES), /not found|no class name/);
  assert.throws(() => matchClasses(["disc", "Disc"], SHAPES), /1 of 2 .* "Disc"/);
});

test("where no name matches a model with names, the match is refused; --classes-by index asks for it", () => {
  assert.throws(
    () => matchClasses(["ant", "bee"], SHAPES),
    /"ant", "bee"; the model has "disc", "ring", "square" and 1 more \(.*--classes-by index\)/,
  );
  const { indices, notice } = matchClasses(["ant", "bee", "cow", "dog"], SHAPES, "index");
  assert.equal([...indices], [0, 1, 2, 3]);
  assert.match(notice as string, /by rank \("ant" is "disc", "bee" is "ring", "cow" is "square", …\)/);
});

test("a model without class names is matched by rank, with the first three pairs", () => {
  const { indices, notice } = matchClasses(["ant", "bee"], defaultLabels(2));
  assert.equal([...indices], [0, 1]);
  assert.match(notice as string, /no names: .* by rank \("ant" is "class 0", "bee" is "class 1"\)/);
  assert.throws(() => matchClasses(["ant", "bee"], defaultLabels(3)), /no class name/);
});

test("numbered folders whose order as text is not their order as numbers have no rank", () => {
  assert.equal([...matchClasses(["0", "1", "2"], defaultLabels(3)).indices], [0, 1, 2]);
  assert.throws(() => matchClasses(["1", "10", "2"], defaultLabels(3)), /--classes-by index/);
});

test("a class that a list gave by index keeps it", () => {
  const { indices, notice } = matchClasses(["", "", ""], SHAPES);
  assert.equal([...indices], [0, 1, 2]);
  assert.is(notice, undefined);
});

test("names that match only in part, and names of two classes, are refused and named", () => {
  assert.throws(
    () => matchClasses(["disc", "cube"], SHAPES),
    /1 of 2 class names .* not unique: "cube" \(rename/,
  );
  assert.throws(() => matchClasses(["tench", "crane"], IMAGENET_LABELS), /not unique: "crane"/);
});

test("more classes than the model has are refused", () => {
  assert.throws(
    () => matchClasses(new Array(5).fill(""), SHAPES),
    /indices up to 4, the model only 4 classes/,
  );
  assert.throws(() => matchClasses(["a", "b", "c", "d", "e"], SHAPES, "index"), /only 4 classes/);
});

test("control characters in a folder's name do not keep it from its own label", () => {
  const folders = ["a\nb", "esc\u001b[31mred", "__proto__", "<script>"];
  const config = readConfigJson(
    JSON.stringify({ id2label: Object.fromEntries(folders.entries()), num_labels: folders.length }),
    "config.json",
  );
  assert.equal(config.labels, ["a b", "esc [31mred", "__proto__", "<script>"]);
  assert.equal(findClasses(folders, config.labels as string[]), [0, 1, 2, 3]);
  assert.equal(findClasses(["a\nb", "a b"], ["a b", "c"]), [undefined, undefined], "two names of one label");
});

test.run();
