// A scenario is one client's way through a number of steps. Each step is checked on its own; the steps after one that all
// others build on are not tried when it fails, and count as not held.
import { Scope } from './scope.mjs';
import { Stopped, orStopped } from './stopping.mjs';
import { within } from './waiting.mjs';

const STEP_LIMIT_MS = 90_000;

/** `run` gets the scenario's context and throws when the step does not hold. */
export function step(name, run) {
  return { name, run, isEssential: false };
}

/** A step without which the ones after it mean nothing. */
export function essential(name, run) {
  return { name, run, isEssential: true };
}

/**
 * `scenario` is `{client, open, steps}`; `open(scope, binary)` starts what it needs and gives the context, whose `troubles`
 * (texts) are what the client complained of; they are told with the step during which they came. Throws `Stopped` after
 * cleaning up.
 */
export async function runScenario(scenario, run) {
  const scope = new Scope();
  try {
    await runSteps(scenario, scope, run);
  } finally {
    for (const error of await scope.close()) run.table.notHeld(scenario.client, 'leaves nothing behind', undefined, error.message);
  }
}

async function runSteps({ client, open, steps }, scope, { binary, table, verbose }) {
  let missing;
  const context = await open(scope, binary).catch((error) => {
    missing = `the scenario did not start: ${error.message}`;
  });
  for (const { name, run, isEssential } of steps) {
    if (missing) {
      table.notHeld(client, name, undefined, missing);
      continue;
    }
    const start = Date.now();
    try {
      await orStopped(within(name, run(context), STEP_LIMIT_MS));
      table.held(client, name, Date.now() - start, verbose ? context.troubles.splice(0) : []);
    } catch (error) {
      if (error instanceof Stopped) throw error;
      table.notHeld(client, name, Date.now() - start, why(error, context.troubles.splice(0), verbose));
      if (isEssential) missing = `not tried, since this did not hold: ${name}`;
    }
  }
}

function why(error, troubles, verbose) {
  const reason = verbose ? error?.stack : error?.message;
  return [reason ?? String(error), ...troubles.map((trouble) => `meanwhile: ${trouble}`)].join('\n');
}
