// Being told to end: whoever waits stops waiting, so that everything is cleaned up in the usual way, which takes seconds.

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

export class Stopped extends Error {}

let stop;
let signalNumber;
const stopped = new Promise((_, reject) => (stop = reject));
stopped.catch(() => {});

export function listenForSignals() {
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (signalNumber) return;
      signalNumber = number;
      process.stderr.write(`\n${signal}: cleaning up\n`);
      stop(new Stopped(signal));
    });
  }
}

/** The exit code a shell expects after the signal; undefined if there was none. */
export const codeOfSignal = () => signalNumber && 128 + signalNumber;

/** The promise's value, or `Stopped`. */
export const orStopped = (promise) => Promise.race([promise, stopped]);
