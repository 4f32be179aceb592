// Cluster: a simulation of data servers and trainers, event by event, with the data service's own rules: tasks of two
// images, which streams take in turn; threads that read ahead; three batches of a stream on a server; credit that comes
// back when a batch is consumed; batches striped over the servers.

import { Line, Timeline } from "./events.js";

/** Times in seconds, sizes in bytes, rates in bytes a second. Threads, drive and link are those of one server. */
export interface Cluster {
  /** 0: the trainers make their batches themselves, each with `workers` threads. */
  servers: number;
  /** Decode threads of a server. */
  workers: number;
  trainers: number;
  /** The trainers are ranks of one run, which share each batch. */
  ranks: boolean;
  /** Images of a batch, of all ranks together. */
  batchSize: number;
  /** Bytes of an image's pixels on the wire. */
  imageBytes: number;
  /** Of a decode thread, for an image: decoding, augmentation and mixing. */
  decodeSeconds: number;
  /** Of the serving thread, for an image. */
  sendSeconds: number;
  fileBytes: number;
  /** Until the first byte of a file, and bytes a second after it. */
  storageLatency: number;
  storageRate: number;
  /** Fraction of the files that are in memory or in a cache. */
  cached: number;
  /** Tasks that a thread has at a time, the one that it decodes included: it reads the others meanwhile. */
  readAhead: number;
  /** There and back. */
  networkLatency: number;
  /** Of each machine's link. */
  networkRate: number;
  /** Batches that may be made, held and not yet consumed, of one trainer. */
  creditBatches: number;
  /** Of a trainer, for a batch. */
  stepSeconds: number;
  /** Batches of each trainer; the first quarter is not counted. */
  batches: number;
}

/** Fractions of the time, 0 … 1, in which something works. */
export interface Use {
  storage: number;
  decode: number;
  send: number;
  serverLink: number;
  trainerLink: number;
  trainers: number;
}

export interface Prediction {
  /** Images a second of all trainers. */
  rate: number;
  /** Fraction of a trainer's time spent waiting for data. */
  dataWait: number;
  use: Use;
}

/** Images of a task; three batches of a stream are made or held. */
const TASK_IMAGES = 2;
const STREAM_SLOTS = 3;

/** Files and pictures differ: work takes from half to one and a half times its mean. */
const SPREAD = 0.5;

/** Uniform in [0, 1); the same sequence in every simulation. */
function createUniform(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

interface Task {
  images: number;
  /** When its files are read. */
  ready: number;
  done: () => void;
}

interface Thread {
  tasks: Task[];
  isBusy: boolean;
}

class DataServer {
  readonly storage = new Line();
  readonly sending = new Line();
  readonly link = new Line();
  decodeBusy = 0;
  readonly #timeline: Timeline;
  readonly #cluster: Cluster;
  readonly #uniform: () => number;
  readonly #threads: Thread[];
  /** Tasks of each stream that no thread has yet; the stream whose turn it is first. */
  readonly #queues = new Map<object, Task[]>();

  constructor(timeline: Timeline, cluster: Cluster, uniform: () => number) {
    this.#timeline = timeline;
    this.#cluster = cluster;
    this.#uniform = uniform;
    this.#threads = Array.from({ length: cluster.workers }, () => ({ tasks: [], isBusy: false }));
  }

  /** Decodes a batch of a stream; `done` when its last task is. */
  make(stream: object, images: number, done: () => void): void {
    let left = Math.ceil(images / TASK_IMAGES);
    const finish = (): void => {
      if (--left === 0) done();
    };
    const tasks = Array.from({ length: left }, (_, i) => ({
      images: Math.min(TASK_IMAGES, images - i * TASK_IMAGES),
      ready: 0,
      done: finish,
    }));
    const queue = this.#queues.get(stream);
    if (queue) queue.push(...tasks);
    else this.#queues.set(stream, tasks);
    this.#assign();
  }

  #nextTask(): Task | undefined {
    for (const [stream, queue] of this.#queues) {
      const task = queue.shift();
      this.#queues.delete(stream);
      if (queue.length > 0) this.#queues.set(stream, queue);
      return task;
    }
    return undefined;
  }

  #assign(): void {
    for (;;) {
      const thread = this.#threads.reduce((least, other) =>
        other.tasks.length < least.tasks.length ? other : least,
      );
      if (thread.tasks.length >= this.#cluster.readAhead) return;
      const task = this.#nextTask();
      if (task === undefined) return;
      task.ready = this.#read(task.images);
      thread.tasks.push(task);
      this.#work(thread);
    }
  }

  /** Files of a task are asked for together. Returns when they are there. */
  #read(images: number): number {
    const { cached, fileBytes, storageLatency, storageRate } = this.#cluster;
    let ready = this.#timeline.now;
    for (let i = 0; i < images; i++) {
      if (this.#uniform() < cached) continue;
      const done = this.storage.take(this.#timeline.now, this.#vary(fileBytes / storageRate));
      ready = Math.max(ready, done + storageLatency);
    }
    return ready;
  }

  #work(thread: Thread): void {
    const [task] = thread.tasks;
    if (thread.isBusy || task === undefined) return;
    thread.isBusy = true;
    const seconds = this.#vary(task.images * this.#cluster.decodeSeconds);
    this.decodeBusy += seconds;
    this.#timeline.at(Math.max(this.#timeline.now, task.ready) + seconds, () => {
      thread.isBusy = false;
      thread.tasks.shift();
      task.done();
      this.#work(thread);
      this.#assign();
    });
  }

  #vary(mean: number): number {
    return mean * (1 - SPREAD + 2 * SPREAD * this.#uniform());
  }
}

/** One trainer's batches from one server. */
class Stream {
  readonly #server: DataServer;
  readonly #share: number;
  readonly #make: (index: number) => void;
  /** Index of the trainer's batch that is made next, and the step to the one after it. */
  #next: number;
  readonly #stride: number;
  readonly #end: number;
  #unconsumed = 0;
  #onServer = 0;

  constructor(
    server: DataServer,
    limits: { first: number; stride: number; end: number; share: number },
    send: (server: DataServer, stream: Stream, index: number) => void,
    images: number,
  ) {
    this.#server = server;
    this.#next = limits.first;
    this.#stride = limits.stride;
    this.#end = limits.end;
    this.#share = limits.share;
    this.#make = (index) => this.#server.make(this, images, () => send(server, this, index));
  }

  start(): void {
    while (this.#next < this.#end && this.#unconsumed < this.#share && this.#onServer < STREAM_SLOTS) {
      this.#unconsumed++;
      this.#onServer++;
      this.#make(this.#next);
      this.#next += this.#stride;
    }
  }

  /** The batch has left the server. */
  sent(): void {
    this.#onServer--;
    this.start();
  }

  /** Its credit is back. */
  consumed(): void {
    this.#unconsumed--;
    this.start();
  }
}

class Trainer {
  readonly link = new Line();
  readonly #timeline: Timeline;
  readonly #cluster: Cluster;
  readonly #streams: Stream[] = [];
  readonly #here = new Set<number>();
  #next = 0;
  #isFree = true;
  #freeSince = 0;
  /** Of the batches that count. */
  steps = 0;
  waited = 0;
  computed = 0;
  countedFrom = 0;
  countedTo = 0;

  constructor(timeline: Timeline, cluster: Cluster, servers: readonly DataServer[]) {
    this.#timeline = timeline;
    this.#cluster = cluster;
    const { creditBatches, batches: end, batchSize, trainers, ranks } = cluster;
    const images = ranks ? batchSize / trainers : batchSize;
    const stride = servers.length;
    const share = cluster.servers === 0 ? STREAM_SLOTS : Math.max(1, Math.floor(creditBatches / stride));
    servers.forEach((server, first) => {
      this.#streams.push(
        new Stream(server, { first, stride, end, share }, (...sent) => this.#send(...sent, images), images),
      );
    });
    for (const stream of this.#streams) stream.start();
  }

  get isDone(): boolean {
    return this.#next >= this.#cluster.batches && this.#isFree;
  }

  #send(server: DataServer, stream: Stream, index: number, images: number): void {
    const { servers, sendSeconds, imageBytes, networkRate, networkLatency } = this.#cluster;
    const { now } = this.#timeline;
    if (servers === 0) {
      this.#arrive(index);
      return;
    }
    const seconds = (images * imageBytes) / networkRate;
    const framed = server.sending.take(now, images * sendSeconds);
    const written = server.link.take(framed, seconds);
    // The first bytes are received while the last ones are sent.
    const received = Math.max(written, this.link.take(written - seconds, seconds));
    this.#timeline.at(written, () => stream.sent());
    this.#timeline.at(received + networkLatency / 2, () => this.#arrive(index));
  }

  #arrive(index: number): void {
    this.#here.add(index);
    this.#step();
  }

  #step(): void {
    if (!this.#isFree || !this.#here.delete(this.#next)) return;
    const { now } = this.#timeline;
    const { batches, stepSeconds, servers, networkLatency } = this.#cluster;
    const index = this.#next++;
    const counts = index >= Math.floor(batches / 4);
    if (index === Math.floor(batches / 4)) this.countedFrom = now;
    else if (counts) this.waited += now - this.#freeSince;
    this.#isFree = false;
    this.#timeline.at(now + stepSeconds, () => {
      this.#isFree = true;
      this.#freeSince = this.#timeline.now;
      if (counts) {
        this.steps++;
        this.computed += stepSeconds;
        this.countedTo = this.#timeline.now;
      }
      const stream = this.#streams[index % this.#streams.length];
      const back = this.#timeline.now + (servers === 0 ? 0 : networkLatency / 2);
      this.#timeline.at(back, () => {
        if (servers === 0) stream.sent();
        stream.consumed();
      });
      this.#step();
    });
  }
}

/** Simulates a run of `batches` steps. The same cluster gives the same prediction. */
export function simulateCluster(cluster: Cluster): Prediction {
  const timeline = new Timeline();
  const uniform = createUniform();
  const { servers: count, trainers: many, workers, batchSize, ranks } = cluster;
  const newServer = () => new DataServer(timeline, cluster, uniform);
  const shared = Array.from({ length: count }, newServer);
  const own = Array.from({ length: count === 0 ? many : 0 }, newServer);
  const trainers = Array.from(
    { length: many },
    (_, i) => new Trainer(timeline, cluster, count === 0 ? [own[i]] : shared),
  );
  timeline.run(() => trainers.every(({ isDone }) => isDone));
  const servers = [...shared, ...own];
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const images = ranks ? batchSize / many : batchSize;
  const span = ({ countedFrom, countedTo }: Trainer): number => Math.max(1e-9, countedTo - countedFrom);
  const end = Math.max(1e-9, timeline.now);
  return {
    rate: trainers.reduce((sum, trainer) => sum + (trainer.steps * images) / span(trainer), 0),
    dataWait: mean(trainers.map((trainer) => trainer.waited / span(trainer))),
    use: {
      storage: mean(servers.map(({ storage }) => storage.busy / end)),
      decode: mean(servers.map(({ decodeBusy }) => decodeBusy / (end * workers))),
      send: mean(servers.map(({ sending }) => sending.busy / end)),
      serverLink: mean(servers.map(({ link }) => link.busy / end)),
      trainerLink: mean(trainers.map(({ link }) => link.busy / end)),
      trainers: mean(trainers.map((trainer) => trainer.computed / span(trainer))),
    },
  };
}
