// Deployment: the manifests of deploy/data are objects of the Kubernetes API, fit each other and the command, and a server
// starts with their flags.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { killServers, runVitrine, startServer } from "../data/server-process.js";
import { createDataSet } from "../data/synthetic-data-set.js";
import { createCertificates } from "../security/certificates.js";
import { faultsOf } from "./kubernetes-api.js";
import {
  bytesOf,
  flagsOf,
  type Manifests,
  readDockerfile,
  readManifests,
  readText,
  readTlsManifests,
  root,
} from "./manifests.js";

test.after.each(killServers);

const containerOf = ({ StatefulSet }: Manifests) => StatefulSet.spec.template.spec.containers[0];

test("every manifest is an object of the API, with TLS and without", () => {
  for (const manifests of [readManifests(), readTlsManifests()])
    for (const object of Object.values(manifests)) assert.equal(faultsOf(object), [], object.kind);
  assert.equal(Object.keys(readManifests()).sort(), [
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
    "ServiceAccount",
    "StatefulSet",
  ]);
});

test("unknown fields, wrong types, missing fields and versions are found", () => {
  const faults = (change: (manifests: Manifests) => void): string => {
    const manifests = readManifests();
    change(manifests);
    return Object.values(manifests).flatMap(faultsOf).join("\n");
  };
  const container = (manifests: Manifests) => containerOf(manifests);
  assert.match(
    faults((m) => (container(m).livenesProbe = {})),
    /unknown field \/spec\/template\/spec\/containers\/0\/livenesProbe/,
  );
  assert.match(
    faults((m) => (container(m).ports[0].containerPort = "50051")),
    /must be integer/,
  );
  assert.match(
    faults((m) => delete m.HorizontalPodAutoscaler.spec.maxReplicas),
    /maxReplicas/,
  );
  assert.match(
    faults((m) => (m.PodDisruptionBudget.apiVersion = "policy/v1beta1")),
    /apiVersion is not policy\/v1/,
  );
  assert.match(
    faults((m) => (m.StatefulSet.spec.podManagementPolicy = "parallel")),
    /podManagementPolicy/,
  );
});

test("names, labels and ports are the same in all manifests", () => {
  const manifests = readManifests();
  const { StatefulSet, Service, PodDisruptionBudget, HorizontalPodAutoscaler, NetworkPolicy } = manifests;
  const pod = StatefulSet.spec.template;
  const { labels } = pod.metadata;
  for (const selector of [
    Service.spec.selector,
    StatefulSet.spec.selector.matchLabels,
    PodDisruptionBudget.spec.selector.matchLabels,
    NetworkPolicy.spec.podSelector.matchLabels,
    pod.spec.topologySpreadConstraints[0].labelSelector.matchLabels,
  ])
    assert.equal(selector, labels);
  assert.is(StatefulSet.spec.serviceName, Service.metadata.name);
  assert.is(Service.spec.clusterIP, "None");
  assert.is(pod.spec.serviceAccountName, manifests.ServiceAccount.metadata.name);
  const { kind, name, apiVersion } = HorizontalPodAutoscaler.spec.scaleTargetRef;
  assert.equal([kind, name, apiVersion], ["StatefulSet", StatefulSet.metadata.name, StatefulSet.apiVersion]);
  assert.is(StatefulSet.spec.replicas, undefined, "the autoscaler sets it");

  const container = containerOf(manifests);
  const ports = new Map<string, number>(
    container.ports.map((port: { name: string; containerPort: number }) => [port.name, port.containerPort]),
  );
  const flags = flagsOf(StatefulSet);
  assert.is(flags.get("--listen"), `0.0.0.0:${ports.get("grpc")}`);
  assert.is(flags.get("--metrics"), `0.0.0.0:${ports.get("metrics")}`);
  assert.is(pod.metadata.annotations["prometheus.io/port"], `${ports.get("metrics")}`);
  for (const { name, port, targetPort } of Service.spec.ports) {
    assert.is(targetPort, name);
    assert.is(port, ports.get(name));
  }
  for (const { ports: allowed } of NetworkPolicy.spec.ingress)
    for (const { port } of allowed) assert.ok(ports.has(port), port);
  for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"])
    assert.is(container[probe].grpc.port, ports.get("grpc"), probe);
  assert.is(container.readinessProbe.grpc.service, "vitrine.data.v1.DataService");
  const tls = readTlsManifests();
  for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
    assert.equal(containerOf(tls)[probe].httpGet, { path: "/healthz", port: "metrics" }, probe);
    assert.is(containerOf(tls)[probe].grpc, undefined, "a probe has one kind");
    const { grpc: _, ...times } = container[probe];
    const { httpGet: __, ...tlsTimes } = containerOf(tls)[probe];
    assert.equal(tlsTimes, { periodSeconds: 10, ...times }, probe);
  }
});

test("memory, cores and disk cover what the flags ask for", () => {
  const { StatefulSet } = readManifests();
  const { requests, limits } = StatefulSet.spec.template.spec.containers[0].resources;
  const flags = flagsOf(StatefulSet);
  const workers = Number(flags.get("--workers"));
  assert.equal(requests, limits);
  const needed = bytesOf(flags.get("--memory") as string) + (workers + 2) * 100 * 2 ** 20;
  assert.ok(bytesOf(limits.memory) >= needed, `${limits.memory} for ${needed} bytes`);
  // One core sends and one reads from the bucket.
  assert.ok(Number(limits.cpu) >= workers + 2);
  const [claim] = StatefulSet.spec.volumeClaimTemplates;
  const storage = bytesOf(claim.spec.resources.requests.storage);
  assert.ok(storage >= 1.05 * bytesOf(flags.get("--cache-size") as string));
});

test("every path that a flag names is mounted, and only those can be written", () => {
  for (const { StatefulSet } of [readManifests(), readTlsManifests()]) {
    const { volumes = [], securityContext, containers } = StatefulSet.spec.template.spec;
    const [container] = containers;
    const claims = StatefulSet.spec.volumeClaimTemplates.map(
      ({ metadata }: { metadata: { name: string } }) => metadata.name,
    );
    const named = [...claims, ...volumes.map(({ name }: { name: string }) => name)];
    const mounted: string[] = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    for (const { name } of container.volumeMounts) assert.ok(named.includes(name), name);
    for (const value of flagsOf(StatefulSet).values())
      if (value.startsWith("/"))
        assert.ok(
          mounted.some((path) => `${value}/`.startsWith(`${path}/`)),
          value,
        );
    assert.ok(securityContext.runAsNonRoot && securityContext.fsGroup === securityContext.runAsGroup);
    assert.ok(container.securityContext.readOnlyRootFilesystem);
    assert.equal(container.securityContext.capabilities, { drop: ["ALL"] });
  }
});

/** The arguments of the manifest, for this machine. */
function localFlags(manifests: Manifests, paths: Readonly<Record<string, string>>): string[] {
  return [...flagsOf(manifests.StatefulSet)].map(([flag, value]) => {
    const local = Object.keys(paths).find((path) => value.startsWith(path));
    const path = local === undefined ? value : value.replace(local, paths[local] as string);
    return `${flag}=${path.replace(/^0\.0\.0\.0:\d+$/, "127.0.0.1:0").replace(/^s3:.*/, paths.data as string)}`;
  });
}

test("a server starts with the flags, says that it serves, and has the autoscaler's metric", async () => {
  const data = createDataSet(12);
  const folder = mkdtempSync(join(tmpdir(), "vitrine-deploy-"));
  const certificates = createCertificates();
  try {
    const authority = await certificates.createAuthority("ca");
    await certificates.issue("server", authority, ["localhost"]);
    mkdirSync(join(folder, "tls"));
    for (const [from, to] of [
      ["server.pem", "tls.crt"],
      ["server.key", "tls.key"],
    ])
      writeFileSync(join(folder, "tls", to as string), readFileSync(certificates.file(from as string)));
    writeFileSync(join(folder, "tokens.txt"), "a-token-of-the-test-0123456789\n");
    const paths = {
      data: data.path,
      "/var/cache/vitrine": join(folder, "cache"),
      "/etc/vitrine/tls": join(folder, "tls"),
      "/etc/vitrine/tokens": folder,
    };
    const rule = readText("kubernetes/prometheus-adapter.yaml");
    const series = [...rule.matchAll(/(vitrine_\w+)\{<<.LabelMatchers>>,(state="\w+")/g)];
    assert.is(series.length, 2);
    for (const manifests of [readManifests(), readTlsManifests()]) {
      const server = await startServer(data.path, ...localFlags(manifests, paths), "--workers=1");
      const metrics = /metrics on (http\S+)\/metrics/.exec(server.output())?.[1];
      const health = await fetch(`${metrics}/healthz`);
      assert.is(health.status, 200, await health.text());
      const text = await (await fetch(`${metrics}/metrics`)).text();
      for (const [, name, label] of series)
        assert.ok(text.includes(`\n${name}{${label}} `), `${name}{${label}} in\n${text}`);
      assert.is(await server.stop("SIGTERM"), 0, server.errors());
    }
  } finally {
    certificates.remove();
    data.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the autoscaler asks for the metric that the adapter makes", () => {
  const { HorizontalPodAutoscaler } = readManifests();
  const [metric] = HorizontalPodAutoscaler.spec.metrics;
  assert.ok(readText("kubernetes/prometheus-adapter.yaml").includes(`as: ${metric.pods.metric.name}\n`));
});

test("the flags are those of the command", async () => {
  const { output } = await runVitrine(["data-server", "--help"]);
  for (const { StatefulSet } of [readManifests(), readTlsManifests()])
    for (const flag of flagsOf(StatefulSet).keys())
      assert.match(output, new RegExp(`^\\s+${flag} <`, "m"), flag);
});

test("the Dockerfile copies what exists, and runs as the user of the manifests", () => {
  const instructions = readDockerfile();
  const all = (name: string): string[] =>
    instructions.filter((one) => one.name === name).map(({ text }) => text);
  const known = ["FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "ENTRYPOINT", "CMD"];
  assert.equal([...new Set(instructions.map(({ name }) => name))].sort(), known.sort());
  const ignored = readText("Dockerfile.dockerignore").split("\n");
  const kept = ignored.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
  for (const path of kept) assert.ok(existsSync(join(root, path)), path);
  for (const text of all("COPY").filter((one) => !one.startsWith("--from"))) {
    const sources = text.split(" ").slice(0, -1);
    for (const source of sources) assert.ok(source === "." || kept.includes(source), source);
  }
  // What the build reads and the package has is part of the context.
  const read = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));
  const { files, engines } = read("package.json") as { files: string[]; engines: { node: string } };
  const inPackage = files.filter((path) => !/^!?dist/.test(path)).map((path) => path.split("/")[0] as string);
  for (const path of [...inPackage, ...(read("tsconfig.json").include as string[]), "scripts"])
    assert.ok(kept.includes(path), path);
  assert.is(engines.node, ">=20.19");
  for (const text of all("FROM")) assert.match(text, /^node:24-slim( AS \w+)?$/);

  const manifests = readManifests();
  const { runAsUser, runAsGroup } = manifests.StatefulSet.spec.template.spec.securityContext;
  assert.equal(all("USER"), [`${runAsUser}:${runAsGroup}`]);
  const ports = containerOf(manifests).ports.map(
    ({ containerPort }: { containerPort: number }) => containerPort,
  );
  assert.equal(all("EXPOSE"), [ports.join(" ")]);
  const [command] = containerOf(manifests).args;
  assert.is(JSON.parse(all("CMD")[0] as string)[0], command);
  assert.equal(JSON.parse(all("ENTRYPOINT")[0] as string), ["node", "/app/dist/bin/vitrine.js"]);
});

test.run();
