// Custom resources: the parts of the schemas of JobSet and Kubeflow Trainer that the manifests use, strict. No registry has
// them as a package; they are restated from
//
//   https://github.com/kubernetes-sigs/jobset/blob/main/config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml
//   https://github.com/kubeflow/trainer/blob/master/manifests/base/crds/trainer.kubeflow.org_clustertrainingruntimes.yaml
//   https://github.com/kubeflow/trainer/blob/master/manifests/base/crds/trainer.kubeflow.org_trainjobs.yaml
//
// The jobs in them are checked by the schema of batch/v1.

import { Ajv2020 } from "ajv/dist/2020.js";
import { faultsOf, type KubernetesObject } from "./kubernetes-api.js";

type Schema = Readonly<Record<string, unknown>>;

/** An object with these properties and no others. */
const object = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const text: Schema = { type: "string", minLength: 1 };
const flag: Schema = { type: "boolean" };
const count: Schema = { type: "integer", minimum: 0 };
const labels: Schema = { type: "object", additionalProperties: { type: "string" } };
const metadata = object({ name: text, namespace: text, labels, annotations: labels }, ["name"]);

const jobTemplate = object({ metadata: object({ labels, annotations: labels }), spec: { type: "object" } }, [
  "spec",
]);

const jobSet = object(
  {
    network: object({ enableDNSHostnames: flag, publishNotReadyAddresses: flag, subdomain: text }),
    failurePolicy: object({ maxRestarts: count }),
    ttlSecondsAfterFinished: count,
    suspend: flag,
    replicatedJobs: {
      type: "array",
      minItems: 1,
      items: object({ name: text, replicas: count, template: jobTemplate }, ["name", "template"]),
    },
  },
  ["replicatedJobs"],
);

const trainingRuntime = object(
  {
    // One of torch, mpi, jax, xgboost, flux.
    mlPolicy: object({ numNodes: count, torch: object({}) }),
    template: object({ spec: jobSet }, ["spec"]),
  },
  ["template"],
);

const trainJob = object(
  {
    runtimeRef: object(
      {
        apiGroup: { const: "trainer.kubeflow.org" },
        kind: { enum: ["TrainingRuntime", "ClusterTrainingRuntime"] },
        name: text,
      },
      ["name"],
    ),
    trainer: object({
      args: { type: "array", maxItems: 128, items: { type: "string" } },
      image: { type: "string", maxLength: 500 },
      numNodes: count,
      numProcPerNode: { type: "integer", minimum: 1 },
    }),
    suspend: flag,
  },
  ["runtimeRef"],
);

const KINDS: Readonly<Record<string, { apiVersion: string; spec: Schema }>> = {
  JobSet: { apiVersion: "jobset.x-k8s.io/v1alpha2", spec: jobSet },
  ClusterTrainingRuntime: { apiVersion: "trainer.kubeflow.org/v1alpha1", spec: trainingRuntime },
  TrainJob: { apiVersion: "trainer.kubeflow.org/v1alpha1", spec: trainJob },
};

/** The jobs of a JobSet or a runtime, by name. */
export function jobsOf({ spec }: KubernetesObject): Map<string, KubernetesObject> {
  const { replicatedJobs } = spec.template?.spec ?? spec;
  return new Map(replicatedJobs?.map(({ name, template }: KubernetesObject) => [name, template]) ?? []);
}

/** What is wrong with a custom resource; empty where nothing is. */
export function customFaultsOf(resource: KubernetesObject): string[] {
  const kind = KINDS[resource.kind];
  if (!kind) return [`unknown kind ${resource.kind}`];
  const schema = object({ apiVersion: { const: kind.apiVersion }, kind: text, metadata, spec: kind.spec }, [
    "apiVersion",
    "kind",
    "metadata",
    "spec",
  ]);
  const ajv = new Ajv2020({ allErrors: true });
  ajv.validate(schema, resource);
  const faults = (ajv.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
  if (faults.length > 0) return faults;
  return [...jobsOf(resource)].flatMap(([name, { spec }]) =>
    faultsOf({ apiVersion: "batch/v1", kind: "Job", metadata: { name }, spec }).map(
      (fault) => `${name}: ${fault}`,
    ),
  );
}
