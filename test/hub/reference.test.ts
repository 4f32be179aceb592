// References and settings of the Hub: what names a model, what timm's names stand for, and what the environment says.

import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hubSettings } from "../../client/node/hub/settings.js";
import { isVitrineError } from "../../runtime/errors.js";
import { isHubReference, parseHubReference, timmRepositories } from "../../runtime/models/hub-reference.js";

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isVitrineError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

const parsed = (text: string) => {
  const { owner, name, revision } = parseHubReference(text);
  return `${owner} ${name} ${revision}`;
};

test("owner, name and revision", () => {
  assert.is(parsed("hf:facebook/deit-tiny-patch16-224"), "facebook deit-tiny-patch16-224 main");
  assert.is(parsed("hf:a/b.c@refs/pr/1"), "a b.c refs/pr/1");
  assert.ok(!isHubReference("runs/best") && !isHubReference("./hf:x") && isHubReference("timm:x"));
});

test("timm's names stand for the published weights, with a tag for others", () => {
  assert.is(
    parsed("timm:deit_tiny_distilled_patch16_224"),
    "timm deit_tiny_distilled_patch16_224.fb_in1k main",
  );
  assert.is(parsed("timm:deit3_small_patch16_384"), "timm deit3_small_patch16_384.fb_in1k main");
  assert.is(parsed("timm:regnety_160"), "timm regnety_160.deit_in1k main");
  assert.is(parsed("timm:regnety_160.sw_in12k_ft_in1k@abc"), "timm regnety_160.sw_in12k_ft_in1k abc");
  assert.is(parsed("timm:vit_base_patch16_224"), "timm vit_base_patch16_224.augreg2_in21k_ft_in1k main");
  assert.match(
    failure(() => parsed("timm:deit_gigantic")),
    /hub\/reference: .*timm:NAME.TAG\); known are names such as deit_tiny_patch16_224(, \w+){3}; "vitrine models" lists all/,
  );
  assert.ok(timmRepositories().size > 40);
});

test("names that are no repository are refused, above all those that would leave the cache", () => {
  for (const text of [
    "hf:x",
    "hf:a/b/c",
    "hf:../x",
    "hf:a/..",
    "hf:a/.b",
    "hf:/a",
    "hf:a/b c",
    "timm:a/b",
    "hf:",
    "timm:",
  ])
    assert.match(
      failure(() => parsed(text)),
      /^hub\/reference: .*allowed: hf:OWNER\/NAME/,
      text,
    );
  for (const text of ["hf:a/b@", "hf:a/b@../../x", "hf:a/b@x/../y", "hf:a/b@-x", "hf:a/b@x//y"])
    assert.match(
      failure(() => parsed(text)),
      /^hub\/reference: .*is not a branch, tag or commit/,
      text,
    );
});

test("the environment's variables are huggingface_hub's, with its defaults", () => {
  const defaults = hubSettings({});
  assert.is(defaults.endpoint, "https://huggingface.co");
  assert.is(defaults.cacheFolder, join(homedir(), ".cache/huggingface/hub"));
  assert.equal([defaults.offline, defaults.answerTimeoutMs, defaults.token], [false, 10_000, undefined]);
  assert.is(hubSettings({ HF_HOME: "/data/hf" }).cacheFolder, "/data/hf/hub");
  assert.is(hubSettings({ HF_HOME: "/data/hf", HF_HUB_CACHE: "/cache" }).cacheFolder, "/cache");
  assert.is(hubSettings({ XDG_CACHE_HOME: "/xdg" }).cacheFolder, "/xdg/huggingface/hub");
  assert.is(hubSettings({ HF_ENDPOINT: "https://mirror.example/hf/" }).endpoint, "https://mirror.example/hf");
  for (const value of ["1", "true", "YES", "on"]) assert.ok(hubSettings({ HF_HUB_OFFLINE: value }).offline);
  for (const value of ["0", "", "false"]) assert.not.ok(hubSettings({ HF_HUB_OFFLINE: value }).offline);
  assert.is(hubSettings({ HF_TOKEN: " hf_x\n" }).token, "hf_x");
  assert.is(hubSettings({ HF_HUB_DOWNLOAD_TIMEOUT: "2.5" }).downloadTimeoutMs, 2_500);
});

test("a variable that cannot be used is named, a token never shown", () => {
  assert.match(
    failure(() => hubSettings({ HF_ENDPOINT: "ftp://x" })),
    /hub\/settings: .*HF_ENDPOINT is "ftp:\/\/x"/,
  );
  assert.match(
    failure(() => hubSettings({ HF_ENDPOINT: "huggingface.co" })),
    /hub\/settings/,
  );
  assert.match(
    failure(() => hubSettings({ HF_HUB_ETAG_TIMEOUT: "-1" })),
    /HF_HUB_ETAG_TIMEOUT is "-1"; allowed: seconds/,
  );
  const text = failure(() => hubSettings({ HF_TOKEN: "secret\nsecond" }));
  assert.match(text, /hub\/settings: .*HF_TOKEN/);
  assert.not.match(text, /secret/);
});

test.run();
