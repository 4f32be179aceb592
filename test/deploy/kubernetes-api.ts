// The Kubernetes API's schemas, strict: what an object has that its schema does not know is a fault too. The API server
// would refuse it, or leave it out without a word.

import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler";
import { Job } from "kubernetes-models/batch/v1/Job";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Service } from "kubernetes-models/v1/Service";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";

/** Any object of the API. */
// biome-ignore lint/suspicious/noExplicitAny: its schema is what is being tested
export type KubernetesObject = any;

const KINDS = {
  Deployment,
  HorizontalPodAutoscaler,
  Job,
  NetworkPolicy,
  PodDisruptionBudget,
  Service,
  ServiceAccount,
  StatefulSet,
};

interface Watched {
  object: object;
  /** Paths of the properties that nobody has asked for. */
  unread(): string[];
}

/** The package's validators accept unknown properties, but read all that a schema has. */
function watch(object: object, path: string): Watched {
  const read = new Set<string | symbol>();
  const parts = new Map<string | symbol, Watched>();
  const watched = new Proxy(object, {
    get(target, name) {
      read.add(name);
      const value = Reflect.get(target, name);
      if (value === null || typeof value !== "object" || typeof name === "symbol") return value;
      const part = parts.get(name) ?? watch(value, `${path}/${name}`);
      parts.set(name, part);
      return part.object;
    },
    // The names of labels and the like are free.
    ownKeys(target) {
      for (const name of Reflect.ownKeys(target)) read.add(name);
      return Reflect.ownKeys(target);
    },
  });
  const own = (): string[] => (Array.isArray(object) ? [] : Object.keys(object));
  return {
    object: watched,
    unread: () => [
      ...own()
        .filter((name) => !read.has(name))
        .map((name) => `${path}/${name}`),
      ...[...parts.values()].flatMap((part) => part.unread()),
    ],
  };
}

/** What is wrong with an object; empty where nothing is. */
export function faultsOf(object: KubernetesObject): string[] {
  const kind: (new (data: object) => { validate(): void }) | undefined =
    KINDS[object.kind as keyof typeof KINDS];
  if (!kind) return [`unknown kind ${object.kind}`];
  const model = new kind(object);
  // The model has the kind's own version, whatever the object says.
  const { apiVersion } = kind as unknown as { apiVersion: string };
  const faults = object.apiVersion === apiVersion ? [] : [`apiVersion is not ${apiVersion}`];
  const watched = watch(model, "");
  try {
    kind.prototype.validate.call(watched.object);
  } catch (error) {
    faults.push(String(error));
  }
  return [...faults, ...watched.unread().map((path) => `unknown field ${path}`)];
}
