// Cgroup cores: how many cores the CPU quota of a Linux control group allows, as containers set it.

/** Text of a file, or undefined where it does not exist. */
type ReadText = (path: string) => string | undefined;

const ROOT = "/sys/fs/cgroup";

/** The process's group in a hierarchy: v2 has the line `0::/path`, v1 lines such as `4:cpu,cpuacct:/path`. */
function groupPath(lines: string, controller: string): string | undefined {
  for (const line of lines.split("\n")) {
    const [, names, ...path] = line.split(":");
    if (names?.split(",").includes(controller)) return path.join(":");
  }
  return undefined;
}

/**
 * The group's folder and all its parents: each may have a limit. In a container the path may not exist, but the root
 * does.
 */
function* foldersUpward(root: string, path: string): Generator<string> {
  for (let rest = path.replace(/\/+$/, ""); rest; rest = rest.slice(0, rest.lastIndexOf("/")))
    yield root + rest;
  yield root;
}

function coresOf(quota: string | undefined, period: string | undefined): number {
  const cores = Number(quota) / Number(period);
  // "max" and -1 mean no limit.
  return cores > 0 ? Math.max(1, Math.floor(cores)) : Number.POSITIVE_INFINITY;
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
