// BullMQ's side of `make bench-queue`: the same messages on the same Redis, and a no-op for a send. Prints messages a
// second, and Redis' processor time a message in microseconds.
//
// node run.mjs <socket> <enqueue|drain|end_to_end> <queue_each|one_queue> <sessions> <each> <batch> <chats>
import { randomBytes } from 'node:crypto';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const [socket, phase, shape] = process.argv.slice(2, 5);
const [sessions, each, batch, chats] = process.argv.slice(5).map(Number);
const total = sessions * each;

// A worker's blocking connection is a copy of its own, which BullMQ makes; everything else shares this one.
const connection = new Redis({ path: socket, maxRetriesPerRequest: null });
const names = shape === 'one_queue' ? ['all'] : Array.from({ length: sessions }, (_, number) => `bench${number}`);
const queues = names.map((name) => new Queue(name, { connection }));
await Promise.all(queues.map((queue) => queue.waitUntilReady()));

// What our queue holds of a message: whom to, how urgent; the id is the job's. Done jobs go, as ours do; the retries are ours.
const options = { removeOnComplete: true, attempts: 4, backoff: { type: 'exponential', delay: 2000 } };
const work = Array.from({ length: sessions }, (_, session) =>
  Array.from({ length: each }, (_, number) => ({
    name: 'text',
    data: { session: `bench${session}`, chat: `1555${String(number % chats).padStart(7, '0')}@c.us`, priority: 'normal' },
    opts: { ...options, jobId: `3EB0${randomBytes(9).toString('hex').toUpperCase()}` },
  })),
);

async function putIn(queue, jobs) {
  for (let at = 0; at < jobs.length; at += batch) await queue.addBulk(jobs.slice(at, at + batch));
}
const putAllIn = () => Promise.all(work.map((jobs, session) => putIn(queues[session % queues.length], jobs)));

let done = 0;
let finish;
const finished = new Promise((resolve) => (finish = resolve));
const workers = phase === 'enqueue' ? [] : names.map((name) => new Worker(name, async () => {}, {
  connection,
  autorun: false,
  concurrency: shape === 'one_queue' ? sessions : 1,
  // A limit that is on and never refuses.
  limiter: { max: 1_000_000_000, duration: 60_000 },
}));
for (const worker of workers) {
  worker.on('completed', () => ++done === total && finish());
  worker.on('failed', (job, error) => { throw error; });
}
await Promise.all(workers.map((worker) => worker.waitUntilReady()));

// Redis' own word for the time it was on a processor, in seconds.
async function redisCpu() {
  const info = await connection.info('cpu');
  return ['used_cpu_user', 'used_cpu_sys'].reduce((sum, name) => sum + Number(new RegExp(`${name}:([0-9.]+)`).exec(info)[1]), 0);
}

if (phase === 'drain') await putAllIn();
const cpu = await redisCpu();
const begun = process.hrtime.bigint();
for (const worker of workers) worker.run().catch((error) => { throw error; });
await Promise.all([phase === 'drain' ? undefined : putAllIn(), phase === 'enqueue' ? undefined : finished]);
const seconds = Number(process.hrtime.bigint() - begun) / 1e9;

console.log(total / seconds, (((await redisCpu()) - cpu) * 1e6) / total);
await Promise.all(workers.map((worker) => worker.close(true)));
process.exit(0);
