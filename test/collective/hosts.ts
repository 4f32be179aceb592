// Hosts: network namespaces of this machine, each with an address and a cable to one switch, where cables are cut, the
// network falls into two parts, and packets are late or lost. Needs root, ip and tc.

import { spawnSync } from "node:child_process";

export interface Hosts {
  /** Of each host, and what starts a command on it. */
  readonly addresses: readonly string[];
  command(host: number): readonly string[];
  /** Packets of all hosts are late by `delayMs` and lost with probability `loss`. Where there is no netem, none is late: returns what tc says. */
  impair(options: { delayMs: number; loss: number }): string | null;
  /** What each host sends: bytes a second, and how late it is, which needs netem. */
  limit(bytesPerSecond: number, delayMs: number): void;
  /** Pulls the host's cable, and puts it back. */
  cut(host: number): void;
  mend(host: number): void;
  /** These hosts reach each other only, until `join`. */
  part(hosts: readonly number[]): void;
  join(hosts: readonly number[]): void;
  remove(): void;
}

/** Null, or what went wrong. `last`: an argument that may have spaces. */
function attempt(command: string, ...last: readonly string[]): string | null {
  const [program = "", ...args] = command.split(" ");
  const { status, stderr, error } = spawnSync(program, [...args, ...last], { encoding: "utf8" });
  if (status === 0) return null;
  return `${command}: ${error?.message ?? stderr.trim().split("\n")[0]}`;
}

function run(...commands: readonly string[]): void {
  for (const command of commands) {
    const failure = attempt(command);
    if (failure !== null) throw new Error(failure);
  }
}

/** A classifier that drops a packet where 32 random bits are below a limit: for kernels without netem. */
function droppingFilter(loss: number): string {
  const [load, skipUnlessBelow, drop, pass] = [
    "32 0 0 4294963256",
    `53 1 0 ${Math.round(loss * 2 ** 32)}`,
    "6 0 0 2",
    "6 0 0 4294967295",
  ];
  return [4, load, skipUnlessBelow, drop, pass].join(",");
}

/** The hosts, or why there can be none. */
export function createHosts(count: number): Hosts | string {
  const name = `vitrine-${process.pid}`;
  const switchName = `${name}-switch`;
  const all = Array.from({ length: count }, (_, host) => host);
  const hostName = (host: number): string => `${name}-${host}`;
  const remove = (): void => {
    for (const each of [switchName, ...all.map(hostName)]) attempt(`ip netns delete ${each}`);
  };
  const addresses = all.map((host) => `10.77.0.${host + 1}`);
  const tc = (host: number, what: string): string => `ip netns exec ${hostName(host)} tc ${what}`;
  const port = (host: number, what: string): void => run(`ip -n ${switchName} link set port${host} ${what}`);
  const move = (hosts: readonly number[], bridge: string): void => {
    for (const host of hosts) port(host, `master ${bridge}`);
  };
  if (process.platform !== "linux") return `no network namespaces on ${process.platform}`;
  const refused = attempt(`ip netns add ${switchName}`) ?? attempt("tc -V");
  if (refused !== null) {
    remove();
    return refused;
  }
  process.once("exit", remove);
  try {
    for (const bridge of ["near", "far"])
      run(`ip -n ${switchName} link add ${bridge} type bridge`, `ip -n ${switchName} link set ${bridge} up`);
    for (const host of all) {
      const own = hostName(host);
      run(
        `ip netns add ${own}`,
        `ip -n ${own} link add eth0 type veth peer name port${host} netns ${switchName}`,
        `ip -n ${own} address add ${addresses[host]}/24 dev eth0`,
        `ip -n ${own} link set lo up`,
        `ip -n ${own} link set eth0 up`,
      );
      port(host, "master near up");
    }
  } catch (error) {
    remove();
    return (error as Error).message;
  }
  return {
    addresses,
    command: (host) => ["ip", "netns", "exec", hostName(host)],
    impair({ delayMs, loss }) {
      const rule = `qdisc add dev eth0 root netem delay ${delayMs}ms loss ${100 * loss}%`;
      const [refusal = null] = all.map((host) => attempt(tc(host, rule)));
      if (refusal === null) return null;
      for (const host of all) {
        run(tc(host, "qdisc add dev eth0 clsact"));
        const failure = attempt(tc(host, "filter add dev eth0 egress bpf da bytecode"), droppingFilter(loss));
        if (failure !== null) return `${refusal}; ${failure}`;
      }
      return refusal;
    },
    limit(bytesPerSecond, delayMs) {
      const rate = `rate ${8 * bytesPerSecond}bit`;
      const rule =
        delayMs > 0 ? `netem delay ${delayMs}ms ${rate} limit 10000` : `tbf ${rate} burst 32k latency 1s`;
      for (const host of all) run(tc(host, `qdisc add dev eth0 root ${rule}`));
    },
    cut: (host) => port(host, "down"),
    mend: (host) => port(host, "up"),
    part: (hosts) => move(hosts, "far"),
    join: (hosts) => move(hosts, "near"),
    remove() {
      process.off("exit", remove);
      remove();
    },
  };
}
