// Deployment of inference servers: the files of deploy/serve are objects of the Kubernetes API and of KServe, fit each other
// and the command, and the dashboard shows metrics that there are.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { serveDeviceOptions } from "../../bin/model-options.js";
import { addServeFlags, checkServeFlags, type ServeFlags } from "../../bin/serve/flags.js";
import { createInferenceMetrics } from "../../server/inference/observation/metrics.js";
import { fixedRepository } from "../../server/inference/repository/fixed-repository.js";
import { faultsOf, type KubernetesObject } from "./kubernetes-api.js";
import { bytesOf, root } from "./manifests.js";

const read = (path: string): string => readFileSync(join(root, "deploy/serve", path), "utf8");
const readYaml = (path: string): KubernetesObject => parse(read(path));

function manifests(): Record<string, KubernetesObject> {
  const { resources } = readYaml("kubernetes/kustomization.yaml") as { resources: string[] };
  const objects = resources.map((file) => readYaml(`kubernetes/${file}`));
  return Object.fromEntries(objects.map((object) => [object.kind, object]));
}

/** The arguments as the command reads them. */
function flagsOf(args: readonly string[]): ServeFlags {
  assert.is(args[0], "serve");
  const command = new Command("serve").exitOverride();
  addServeFlags(command, serveDeviceOptions());
  command.parse(args.slice(1), { from: "user" });
  const flags = command.opts<ServeFlags>();
  checkServeFlags(flags);
  return flags;
}

test("every manifest is an object of the API", () => {
  const all = manifests();
  for (const object of Object.values(all)) assert.equal(faultsOf(object), [], object.kind);
  assert.equal(Object.keys(all).sort(), [
    "Deployment",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
  ]);
});

test("objects select the pods, and ports have the numbers on which the command listens", () => {
  const { Deployment, Service, NetworkPolicy, PodDisruptionBudget, HorizontalPodAutoscaler } = manifests();
  const { labels } = Deployment.spec.template.metadata;
  for (const selector of [
    Deployment.spec.selector.matchLabels,
    Service.spec.selector,
    NetworkPolicy.spec.podSelector.matchLabels,
    PodDisruptionBudget.spec.selector.matchLabels,
  ])
    assert.equal(selector, labels);
  assert.is(HorizontalPodAutoscaler.spec.scaleTargetRef.name, Deployment.metadata.name);
  const [container] = Deployment.spec.template.spec.containers;
  const flags = flagsOf(container.args);
  const ports = new Map(container.ports.map((port: KubernetesObject) => [port.name, port.containerPort]));
  assert.equal([flags.listen, flags.http], [`:${ports.get("grpc")}`, `:${ports.get("http")}`]);
  for (const { port, targetPort } of Service.spec.ports) assert.is(port, ports.get(targetPort));
  for (const { ports: allowed } of NetworkPolicy.spec.ingress)
    for (const { port } of allowed) assert.ok(ports.has(port), port);
  assert.is(container.readinessProbe.grpc.port, ports.get("grpc"));
  assert.is(Deployment.spec.template.metadata.annotations["prometheus.io/port"], String(ports.get("http")));
});

test("Kubernetes waits for the lame-duck time and the grace, and the models fit into the pod's memory", () => {
  const { Deployment } = manifests();
  const { terminationGracePeriodSeconds, containers } = Deployment.spec.template.spec;
  const flags = flagsOf(containers[0].args);
  assert.ok(terminationGracePeriodSeconds >= flags.lameDuck + flags.grace + 5);
  assert.ok(flags.lameDuck >= 5, "endpoints are removed while the pod is told to stop");
  assert.ok((flags.memory ?? 0) <= bytesOf(containers[0].resources.limits.memory) / 2);
  const { limits } = containers[0].resources;
  assert.ok(Number(flags.threads) < Number(limits.cpu), "a core is left for decoding and serving");
});

test("KServe's runtime and its service fit each other and the command", () => {
  const runtime = readYaml("kserve/serving-runtime.yaml");
  const service = readYaml("kserve/inference-service.yaml");
  assert.equal([runtime.apiVersion, runtime.kind], ["serving.kserve.io/v1alpha1", "ServingRuntime"]);
  assert.equal([service.apiVersion, service.kind], ["serving.kserve.io/v1beta1", "InferenceService"]);
  const { model, terminationGracePeriodSeconds } = service.spec.predictor;
  assert.is(model.runtime, runtime.metadata.name);
  assert.ok(
    runtime.spec.supportedModelFormats.some(({ name }: { name: string }) => name === model.modelFormat.name),
  );
  assert.ok(runtime.spec.protocolVersions.includes(model.protocolVersion));
  const [container] = runtime.spec.containers;
  assert.is(container.name, "kserve-container", "the name by which KServe finds it");
  const flags = flagsOf(container.args.map((arg: string) => arg.replace("{{.Name}}", "flowers")));
  assert.equal(flags.model, ["flowers=/mnt/models"]);
  assert.is(flags.http, `:${container.ports[0].containerPort}`);
  assert.ok(terminationGracePeriodSeconds >= flags.lameDuck + flags.grace + 5);
});

test("the image runs the command without root, and its build reads what the checkout has", () => {
  const text = read("Dockerfile");
  assert.match(text, /^USER 1000:1000$/m);
  assert.match(text, /^ENTRYPOINT \["node", "\/app\/dist\/bin\/vitrine\.js"\]$/m);
  assert.match(text, /^EXPOSE 8000 8001$/m);
  assert.is(
    read("Dockerfile.dockerignore"),
    readFileSync(join(root, "deploy/data/Dockerfile.dockerignore"), "utf8"),
  );
});

test("every metric of the dashboard is one that a server has", async () => {
  const { scrape } = await createInferenceMetrics({ repository: fixedRepository([]) });
  const { body } = await scrape();
  const known = [...body.matchAll(/^# TYPE (\S+) (\S+)/gm)].flatMap(([, name, type]) =>
    type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name!],
  );
  const shown = new Set(read("grafana-dashboard.json").match(/vitrine_inference_\w+/g));
  assert.ok(shown.size > 10);
  for (const name of shown) assert.ok(known.includes(name), name);
  const { panels } = JSON.parse(read("grafana-dashboard.json")) as { panels: { id: number }[] };
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
});

test.run();
