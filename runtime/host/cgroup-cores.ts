// Cgroup cores: how many cores the quota of a Linux control group leaves, as containers set it. Reads through a given function.

/** Text of a file, or undefined where there is none. */
type ReadText = (path: string) => string | undefined;

const ROOT = "/sys/fs/cgroup";

/** Group of the process in a hierarchy: v2 has the line `0::/path`, v1 one such as `4:cpu,cpuacct:/path`. */
function groupPath(lines: string, controller: string): string | undefined {
  for (const line of lines.split("\n")) {
    const [, names, ...path] = line.split(":");
    if (names?.split(",").includes(controller)) return path.join(":");
  }
  return undefined;
}

/** The group's folder and all above it: each may hold a limit. In a container the path may not exist; the root does. */
function* foldersUpward(root: string, path: string): Generator<string> {
  for (let rest = path.replace(/\/+$/, ""); rest; rest = rest.slice(0, rest.lastIndexOf("/")))
    yield root + rest;
  yield root;
}

function coresOf(quota: string | undefined, period: string | undefined): number {
  const share = Number(quota) / Number(period);
  // "max" and -1 mean no limit.
  return share > 0 ? Math.max(1, Math.floor(share)) : Number.POSITIVE_INFINITY;
}

/** Whole cores under the tightest quota, at least 1; Infinity where there is none. */
export function cgroupCores(read: ReadText): number {
  const lines = read("/proc/self/cgroup") ?? "";
  let least = Number.POSITIVE_INFINITY;
  for (const folder of foldersUpward(ROOT, groupPath(lines, "") ?? "")) {
    const [quota, period] = (read(`${folder}/cpu.max`) ?? "").trim().split(" ");
    least = Math.min(least, coresOf(quota, period));
  }
  for (const folder of foldersUpward(`${ROOT}/cpu`, groupPath(lines, "cpu") ?? "")) {
    const quota = read(`${folder}/cpu.cfs_quota_us`);
    const period = read(`${folder}/cpu.cfs_period_us`);
    least = Math.min(least, coresOf(quota, period));
  }
  return least;
}
