// Cgroup cores: the tightest quota of a process's control groups applies, in both versions of the hierarchy.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { cgroupCores } from "../../runtime/host/cgroup-cores.js";

const cores = (files: Record<string, string>) => cgroupCores((path) => files[path]);

test("no control groups, or groups without a quota, mean no limit", () => {
  assert.is(cores({}), Number.POSITIVE_INFINITY);
  assert.is(
    cores({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n" }),
    Number.POSITIVE_INFINITY,
  );
  const files = {
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
  };
  assert.is(cores(files), Number.POSITIVE_INFINITY);
});

test("a quota is rounded to whole cores, at least one", () => {
  for (const [quota, want] of [
    [400_000, 4],
    [250_000, 2],
    [50_000, 1],
  ] as const)
    assert.is(cores({ "/sys/fs/cgroup/cpu.max": `${quota} 100000\n` }), want);
});

test("a group above the process's own may be the tighter one", () => {
  const files = {
    "/proc/self/cgroup": "0::/jobs/train\n",
    "/sys/fs/cgroup/jobs/train/cpu.max": "800000 100000\n",
    "/sys/fs/cgroup/jobs/cpu.max": "300000 100000\n",
  };
  assert.is(cores(files), 3);
});

test("version 1 is read from the group of the cpu controller", () => {
  const files = {
    "/proc/self/cgroup": "5:memory:/m\n4:cpu,cpuacct:/docker/7\n",
    "/sys/fs/cgroup/cpu/docker/7/cpu.cfs_quota_us": "200000\n",
    "/sys/fs/cgroup/cpu/docker/7/cpu.cfs_period_us": "100000\n",
  };
  assert.is(cores(files), 2);
});

test.run();
