// Deployment of trainings: the files of deploy/train are objects of the Kubernetes API, of JobSet and of Kubeflow Trainer, fit
// each other, the data servers, the inference servers and the command, and ranks that are started with their flags and
// variables train.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { type RankFlags, type RankSettings, rankSettings } from "../../bin/train/rank-settings.js";
import { sha256Of } from "../../trainer/bucket/working-folder.js";
import { startObjectServer } from "../data/remote/object-server.js";
import { runVitrine } from "../data/server-process.js";
import { createDataSet } from "../data/synthetic-data-set.js";
import { tinyConfig, writeTinyModel } from "../trainer/tiny-model.js";
import { startTrainer } from "../trainer/trainer-process.js";
import { customFaultsOf, jobsOf } from "./custom-resources.js";
import { faultsOf, type KubernetesObject } from "./kubernetes-api.js";
import { kustomize } from "./kustomization.js";
import { bytesOf, root } from "./manifests.js";

const folder = join(root, "deploy/train");
const read = (path: string): string => readFileSync(join(folder, path), "utf8");
const readYaml = (path: string): KubernetesObject => parse(read(path));

const find = (objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject => {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
};
const jobOf = (name: string): KubernetesObject => find(kustomize(join(folder, name)), "Job", "vitrine-train");
const containerOf = ({ spec }: KubernetesObject): KubernetesObject => spec.template.spec.containers[0];

const jobSet = readYaml("jobset/jobset.yaml");
const runtime = readYaml("kubeflow/cluster-training-runtime.yaml");
const trainJob = readYaml("kubeflow/train-job.yaml");

/** Flag → value; of a switch, "". */
const flagsOf = (args: readonly string[]): Map<string, string> =>
  new Map(
    args.slice(1).map((arg) => [arg.split("=", 1)[0] as string, arg.split("=").slice(1).join("=")] as const),
  );

const variablesOf = (container: KubernetesObject): Record<string, string> =>
  Object.fromEntries((container.env ?? []).map(({ name, value }: KubernetesObject) => [name, value]));

const PLAIN = ["job", "gpu", "tls", "cluster"];

test("every manifest is an object of its API", () => {
  for (const name of PLAIN)
    for (const object of kustomize(join(folder, name)))
      assert.equal(faultsOf(object), [], `${name}: ${object.kind}`);
  for (const object of [jobSet, runtime, trainJob]) assert.equal(customFaultsOf(object), [], object.kind);
  const kinds = kustomize(join(folder, "cluster")).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
  assert.is(new Set(kinds).size, kinds.length, "no object twice");
  for (const kind of ["StatefulSet vitrine-data", "Job vitrine-train", "Deployment vitrine-serve"])
    assert.ok(kinds.includes(kind), kind);
});

test("unknown fields, wrong types and versions of custom resources are found", () => {
  const faults = (resource: KubernetesObject, change: (object: KubernetesObject) => void): string => {
    const object = structuredClone(resource);
    change(object);
    return customFaultsOf(object).join("\n");
  };
  assert.match(
    faults(jobSet, ({ spec }) => (spec.replicas = 1)),
    /\/spec .*"replicas"/,
  );
  assert.match(
    faults(jobSet, (set) => (set.apiVersion = "jobset.x-k8s.io/v1")),
    /\/apiVersion/,
  );
  assert.match(
    faults(jobSet, ({ spec }) => (spec.replicatedJobs[0].template.spec.completion = 4)),
    /ranks: unknown field \/spec\/completion/,
  );
  assert.match(
    faults(runtime, ({ spec }) => (spec.mlPolicy.numNodes = "4")),
    /numNodes must be integer/,
  );
  assert.match(
    faults(trainJob, ({ spec }) => (spec.trainer.processes = 1)),
    /"processes"/,
  );
  assert.match(
    faults(trainJob, ({ spec }) => delete spec.runtimeRef),
    /runtimeRef/,
  );
});

/** What a process without flags finds in its environment. */
function foundRank(variables: Record<string, string>): RankSettings {
  const found = rankSettings({ processes: 1 } as RankFlags, variables);
  if (found === null) throw new Error(`no rank in ${JSON.stringify(variables)}`);
  return found;
}

test("each pod finds its rank, the number of ranks, and rank 0, by what its launcher sets", () => {
  const objects = kustomize(join(folder, "job"));
  const job = jobOf("job");
  const service = find(objects, "Service", "vitrine-train");
  const replicated = jobsOf(jobSet).get("ranks");
  const set = jobSet.metadata.name;
  const launched = [
    { job, host: `${job.metadata.name}-0.${job.spec.template.spec.subdomain}` },
    { job: replicated, host: `${set}-ranks-0-0.${set}` },
  ];
  for (const { job, host } of launched) {
    const { completions, parallelism, completionMode } = job.spec;
    assert.equal([completionMode, parallelism], ["Indexed", completions]);
    for (let index = 0; index < completions; index++) {
      const variables = { ...variablesOf(containerOf(job)), JOB_COMPLETION_INDEX: `${index}` };
      const { rank, world, master, processes } = foundRank(variables);
      assert.equal(
        { rank, world, master, processes },
        { rank: index, world: completions, master: `${host}:29500`, processes: 1 },
      );
    }
    assert.is(containerOf(job).ports[0].containerPort, 29_500);
  }
  assert.is(service.spec.clusterIP, "None");
  assert.ok(service.spec.publishNotReadyAddresses, "rank 0 is found before anything is ready");
  assert.is(service.metadata.name, job.spec.template.spec.subdomain);
  assert.equal(service.spec.selector, job.spec.template.metadata.labels);
  assert.is(service.spec.ports[0].targetPort, containerOf(job).ports[0].name);
  assert.ok(jobSet.spec.network.enableDNSHostnames && jobSet.spec.network.publishNotReadyAddresses);

  // As the torch plugin of Trainer sets them; the master is `node`, the job's name, of the TrainJob.
  const { name } = trainJob.metadata;
  const { numNodes, numProcPerNode } = trainJob.spec.trainer;
  assert.is(numNodes, runtime.spec.mlPolicy.numNodes);
  const petOf = (index: number) => ({
    ...{ PET_NNODES: `${numNodes}`, PET_NPROC_PER_NODE: `${numProcPerNode}`, PET_NODE_RANK: `${index}` },
    ...{ PET_MASTER_ADDR: `${name}-node-0-0.${name}`, PET_MASTER_PORT: "29500" },
  });
  const last = foundRank(petOf(numNodes - 1));
  assert.equal([last.rank, last.world, last.processes], [numNodes - 1, numNodes, 1]);
  assert.is(last.master, "flowers-node-0-0.flowers:29500");
  assert.equal([...jobsOf(runtime).keys()], ["node"], "the name by which Trainer finds its job");
  const node = jobsOf(runtime).get("node");
  assert.is(node.metadata.labels["trainer.kubeflow.org/trainjob-ancestor-step"], "trainer");
  assert.is(containerOf(node).name, "node");
  assert.is(trainJob.spec.runtimeRef.name, runtime.metadata.name);
  assert.is(trainJob.spec.runtimeRef.kind, runtime.kind);
});

test("the three launchers start the same training in the same pods", () => {
  const job = jobOf("job");
  const pod = ({ spec }: KubernetesObject) => {
    const { subdomain: _, containers, ...rest } = spec.template.spec;
    const { name: __, env: ___, args: ____, ports: _____, ...container } = containers[0];
    const { backoffLimitPerIndex, podFailurePolicy, podReplacementPolicy } = spec;
    return {
      ...rest,
      container,
      labels: spec.template.metadata.labels,
      backoffLimitPerIndex,
      podFailurePolicy,
      podReplacementPolicy,
    };
  };
  const replicated = jobsOf(jobSet).get("ranks");
  assert.equal(pod(replicated), pod(job));
  assert.equal(pod(jobsOf(runtime).get("node")), pod(job));
  assert.equal(containerOf(replicated).args, containerOf(job).args);
  assert.equal(trainJob.spec.trainer.args, containerOf(job).args);
});

test("any number of ranks that the manifests name divides the pieces, and the pieces the batch", () => {
  for (const name of PLAIN) {
    const job = jobOf(name);
    const flags = flagsOf(containerOf(job).args);
    const pieces = Number(flags.get("--pieces"));
    assert.is(pieces % job.spec.completions, 0, name);
    assert.is(Number(flags.get("--batch-size")) % pieces, 0, name);
    assert.ok(flags.has("--resume-if-any"), "a pod that comes back does not know whether there is a run");
  }
});

test("a pod that Kubernetes takes away is no failure, and is replaced once it is gone", () => {
  const { spec } = jobOf("job");
  assert.is(spec.template.spec.restartPolicy, "Never", "what podFailurePolicy and backoffLimitPerIndex need");
  assert.equal(spec.podFailurePolicy.rules[0].onPodConditions, [
    { type: "DisruptionTarget", status: "True" },
  ]);
  assert.is(spec.podReplacementPolicy, "Failed");
  assert.ok(spec.template.spec.terminationGracePeriodSeconds >= 60);
});

test("every path that a flag names is mounted, nothing else can be written, and memory, cores and disk are enough", () => {
  for (const name of PLAIN) {
    const { template } = jobOf(name).spec;
    const { securityContext, volumes } = template.spec;
    const container = template.spec.containers[0];
    const flags = flagsOf(container.args);
    const mounts: { name: string; mountPath: string }[] = container.volumeMounts;
    for (const mount of mounts)
      assert.ok(
        volumes.some((volume: KubernetesObject) => volume.name === mount.name),
        mount.name,
      );
    for (const value of flags.values())
      if (value.startsWith("/"))
        assert.ok(
          mounts.some(({ mountPath }) => `${value}/`.startsWith(`${mountPath}/`)),
          value,
        );
    const disk = bytesOf(
      volumes.find((volume: KubernetesObject) => volume.name === "cache").emptyDir.sizeLimit,
    );
    assert.ok(disk >= 1.1 * bytesOf(flags.get("--cache-size") as string), name);
    assert.ok(securityContext.runAsNonRoot && securityContext.fsGroup === securityContext.runAsGroup);
    assert.ok(container.securityContext.readOnlyRootFilesystem);
    const { requests, limits } = container.resources;
    assert.equal([requests.cpu, requests.memory], [limits.cpu, limits.memory]);
    const [threads, workers] = ["--threads", "--workers"].map((flag) => Number(flags.get(flag) ?? 0));
    assert.ok(threads + workers <= Number(limits.cpu), name);
  }
  const image = read("Dockerfile");
  const { runAsUser, runAsGroup } = jobOf("job").spec.template.spec.securityContext;
  assert.match(image, new RegExp(`^USER ${runAsUser}:${runAsGroup}$`, "m"));
  const cache = /^ENV XDG_CACHE_HOME=(\S+)$/m.exec(image)?.[1];
  const [mount] = containerOf(jobOf("job")).volumeMounts;
  assert.is(cache, mount.mountPath, "the working folder of the run is on the volume");
});

test("on GPU nodes a rank asks for a GPU, its driver, and the image that loads it", () => {
  const job = jobOf("gpu");
  const container = containerOf(job);
  assert.is(flagsOf(container.args).get("--device"), "webgpu");
  assert.is(container.resources.limits["nvidia.com/gpu"], "1");
  assert.match(
    variablesOf(container).NVIDIA_DRIVER_CAPABILITIES as string,
    /\bgraphics\b/,
    "which has Vulkan",
  );
  assert.ok(job.spec.template.spec.tolerations.some(({ key }: { key: string }) => key === "nvidia.com/gpu"));
  assert.is(container.image, `${containerOf(jobOf("job")).image}-gpu`);
  const image = read("Dockerfile");
  const gpu = /^FROM cpu AS gpu$[\s\S]*?(?=^FROM )/m.exec(image)?.[0] ?? "";
  assert.match(gpu, /\blibvulkan1\b/);
  assert.match(gpu, /^USER 1000:1000$/m, "not as root in the end");
  assert.match(image, /^FROM cpu$(?![\s\S]*^FROM )/m, "without --target it is the image for CPUs");
  assert.is(
    read("Dockerfile.dockerignore"),
    readFileSync(join(root, "deploy/data/Dockerfile.dockerignore"), "utf8"),
  );
});

test("with TLS each rank is reached by the name that its certificate is for", () => {
  const container = containerOf(jobOf("tls"));
  const flags = flagsOf(container.args);
  const tls = ["--ranks-tls-cert", "--ranks-tls-key", "--ranks-tls-ca", "--ranks-token-file"];
  for (const flag of tls) assert.ok(flags.has(flag), flag);
  const name = flags.get("--ranks-advertise")?.replace("$(JOB_COMPLETION_INDEX)", "0");
  assert.is(name, `${variablesOf(container).MASTER_ADDR}:0`);
});

test("in the cluster the ranks read from the data servers, and inference serves the run's best model", () => {
  const objects = kustomize(join(folder, "cluster"));
  const job = find(objects, "Job", "vitrine-train");
  const serve = find(objects, "Deployment", "vitrine-serve");
  const data = find(objects, "Service", "vitrine-data");
  const flags = flagsOf(containerOf(job).args);
  assert.is(flags.get("--data-server"), `dns:///${data.metadata.name}:${data.spec.ports[0].port}`);
  const [{ from }] = find(objects, "NetworkPolicy", "vitrine-data").spec.ingress;
  const { labels } = job.spec.template.metadata;
  for (const [name, value] of Object.entries(from[0].podSelector.matchLabels))
    assert.is(labels[name], value, name);
  assert.ok(
    flagsOf(containerOf(serve).args)
      .get("--model")
      ?.endsWith(`=${flags.get("--out")}/best`),
  );
  const { serviceAccountName, volumes } = serve.spec.template.spec;
  find(objects, "ServiceAccount", serviceAccountName);
  const [mount] = containerOf(serve).volumeMounts;
  assert.is(mount.name, volumes[0].name);
  assert.is(variablesOf(containerOf(serve)).XDG_CACHE_HOME, mount.mountPath, "where the model is copied to");
  const gpus = objects.filter((object) => JSON.stringify(object).includes("nvidia.com/gpu"));
  assert.equal(gpus, [job], "data servers and inference stay on CPU nodes");
});

/** Names by which the help has another one of the same option. */
const ALIASES: Readonly<Record<string, string>> = { "--pieces": "--accumulate" };

test("the flags are those of the commands", async () => {
  const help = new Map<string, string>();
  const check = async (args: readonly string[]): Promise<void> => {
    const [command] = args as [string];
    if (!help.has(command)) help.set(command, (await runVitrine([command, "--help"])).output);
    for (const [given, value] of flagsOf(args)) {
      const flag = ALIASES[given] ?? given;
      assert.match(
        help.get(command) as string,
        new RegExp(`^ +(-\\w, )?${flag}${value === "" ? "\\b" : " [<[]"}`, "m"),
        flag,
      );
    }
  };
  for (const name of PLAIN) await check(containerOf(jobOf(name)).args);
  await check(containerOf(find(kustomize(join(folder, "cluster")), "Deployment", "vitrine-serve")).args);
});

test("ranks that are started with the flags and variables of the Job train the run in the bucket, one killed on the way", async () => {
  const set = createDataSet(16);
  const temporary = mkdtempSync(join(tmpdir(), "vitrine-deploy-train-"));
  const server = await startObjectServer();
  const model = await writeTinyModel(join(temporary, "sizes"), tinyConfig({ classes: 3 }), [..."abc"], 0);
  const container = containerOf(jobOf("job"));
  const given = flagsOf(container.args);
  const local: Record<string, string> = {
    ...{ "--data": set.path, "--val": set.path, "--model": join(model, "config.json"), "--threads": "1" },
    ...{ "--workers": "0", "--batch-size": "8", "--cache": join(temporary, "cache") },
  };
  const argsWith = (changed: Record<string, string>): string[] => [
    ...[...given].map(([flag, value]) => {
      const used = changed[flag] ?? local[flag] ?? value.replace("BUCKET", "bucket");
      return used === "" ? flag : `${flag}=${used}`;
    }),
    ...["--epochs", "6", "--seed", "3"],
  ];
  const before = { ...process.env };
  const port = `${20_000 + (process.pid % 20_000)}`;
  let starts = 0;
  const start = (index: number) => {
    Object.assign(process.env, variablesOf(container), {
      ...{ JOB_COMPLETION_INDEX: `${index}`, WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: port },
      ...{ AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test", AWS_ENDPOINT_URL: server.url },
      XDG_CACHE_HOME: join(temporary, `cache-${starts++}`),
    });
    return startTrainer(argsWith({}));
  };
  const manifest = () => {
    const bytes = server.objects.get("bucket/runs/flowers/run.json");
    return bytes && JSON.parse(Buffer.from(bytes).toString());
  };
  try {
    const alone = startTrainer(argsWith({ "--out": join(temporary, "alone") }));
    assert.is(await alone.ended, 0, alone.errors());
    const first = start(0);
    const other = start(1);
    let ended = false;
    void first.ended.then(() => {
      ended = true;
    });
    while (!ended && !(manifest()?.commit >= 3)) await delay(2);
    first.process.kill("SIGKILL");
    await first.ended;
    const again = start(0);
    for (const rank of [again, other]) assert.is(await rank.ended, 0, rank.errors());
    assert.match(again.output(), /2 ranks from step \d+ on/);
    const { files } = manifest() as { files: Record<string, { sha256: string }> };
    // What the inference servers read, and what a run continues from.
    for (const name of ["best/model.safetensors", "last/model.safetensors", "last/optimizer.safetensors"])
      assert.is(files[name]?.sha256, sha256Of(readFileSync(join(temporary, "alone", name))), name);
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
    await server.close();
    set.remove();
    rmSync(temporary, { recursive: true, force: true });
  }
});

test.run();
