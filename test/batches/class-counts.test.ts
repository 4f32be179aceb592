// Class counts: what is printed about a data set's classes, and which mistakes are pointed out.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { classWarnings, describeClasses } from "../../runtime/batches/class-counts.js";

const described = (classes: string[], counts?: number[]) => ({
  classes,
  samples: 9,
  ...(counts && { counts }),
});

test("a few classes are named with their counts; one class is one", () => {
  assert.is(describeClasses(described(["ants", "bees"], [3, 1200])), "2 classes: ants (3), bees (1,200)");
  assert.is(describeClasses(described(["ants"], [3])), "1 class: ants (3)");
  assert.is(describeClasses(described(["", ""], [1, 2])), "2 classes: class 0 (1), class 1 (2)");
  assert.is(describeClasses(described(["ants", "bees"])), "2 classes: ants, bees");
});

test("of many classes six are named, with the range of all", () => {
  const names = Array.from({ length: 1000 }, (_, index) => `c${index}`);
  const counts = names.map((_, index) => index + 1);
  assert.is(
    describeClasses(described(names, counts)),
    "1,000 classes: c0 (1), c1 (2), c2 (3), c3 (4), c4 (5), c5 (6), … 994 more; 1 to 1,000 images per class",
  );
  const equal = describeClasses(
    described(
      names,
      names.map(() => 12),
    ),
  );
  assert.match(equal, /… 994 more; 12 images per class$/);
});

test("names are escaped and cut", () => {
  const text = describeClasses(described(["\u001b[31mred\n", "x".repeat(5000)], [1, 1]));
  assert.ok(!text.includes("\u001b") && !text.includes("\n"));
  assert.ok(text.length < 1000, `${text.length}`);
});

test("a data set as it should be has no warnings", () => {
  assert.equal(classWarnings(described(["ants", "bees"], [100, 1000])), []);
  assert.equal(classWarnings(described(["trainer", "attest"])), []);
});

const MISTAKES: readonly [what: string, classes: string[], counts: number[], RegExp][] = [
  ["one class", ["ants"], [9], /only one class/],
  ["an empty class", ["ants", "bees"], [9, 0], /^"bees" has no images, .* remove the folder/],
  ["an index without images", ["", ""], [0, 9], /^"class 0" has no images, .* count from 0/],
  ["imbalance", ["ants", "bees", "cows"], [9, 99, 0], /^"bees" has 99 images, "ants" 9: 11 times/],
  ["a level too high", ["train", "val"], [9, 9], /^"train", "val": .* such as train\/$/],
  ["a level too high, capitalized", ["Test", "Training"], [9, 9], /^"Test", "Training": /],
  ["an archive's folder", ["__MACOSX", "ants"], [1, 9], /^"__MACOSX" is a folder that an archive/],
];

for (const [what, classes, counts, expected] of MISTAKES)
  test(`${what} is pointed out`, () => {
    const warnings = classWarnings(described(classes, counts));
    assert.ok(
      warnings.some((warning) => expected.test(warning)),
      warnings.join("\n"),
    );
  });

test("without counts nothing is said about counts", () => {
  assert.equal(classWarnings(described(["ants", "bees"])), []);
});

test.run();
