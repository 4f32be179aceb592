// Withheld results: a device that withholds its results, so that a test can see what waits for them.

/** Delays every buffer mapping of the device until `release`, and counts submissions. */
export function withholdResults(device: GPUDevice) {
  const held: (() => void)[] = [];
  let open = false;
  let submissions = 0;
  const submit = device.queue.submit.bind(device.queue);
  device.queue.submit = (buffers) => {
    submissions++;
    submit(buffers);
  };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = async (...range) => {
      await mapAsync(...range);
      if (!open) await new Promise<void>((resolve) => held.push(resolve));
    };
    return buffer;
  };
  const release = () => {
    open = true;
    for (const resolve of held.splice(0)) resolve();
  };
  return { waiting: () => held.length, submissions: () => submissions, release };
}

/** Resolves when the device has finished all submitted work and anything that awaits it has had time to continue. */
export async function idle(device: GPUDevice | undefined): Promise<void> {
  await device?.queue.onSubmittedWorkDone();
  await new Promise((resolve) => setTimeout(resolve, 50));
}
