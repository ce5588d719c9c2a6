// The table that is the result: client, step, held or not, seconds. Rows are printed as they are known.

const WIDTHS = { client: 16, step: 58, held: 8 };
const REASON_LINES = 16;

function row(client, step, held, seconds) {
  return `${client.padEnd(WIDTHS.client)}  ${step.padEnd(WIDTHS.step)}  ${held.padEnd(WIDTHS.held)}  ${seconds}`;
}

const seconds = (ms) => (ms / 1000).toFixed(1).padStart(7);
const note = (line) => console.log(`${' '.repeat(WIDTHS.client + 4)}${line}`);

export class Table {
  #counts = { held: 0, not: 0 };

  start() {
    console.log(row('client', 'step', 'held', 'seconds'));
    console.log(row('-'.repeat(WIDTHS.client), '-'.repeat(WIDTHS.step), '-'.repeat(WIDTHS.held), '-------'));
  }

  held(client, step, ms, notes = []) {
    this.#counts.held += 1;
    console.log(row(client, step, 'held', seconds(ms)));
    notes.forEach(note);
  }

  /** `ms` is undefined for a step that was not tried. */
  notHeld(client, step, ms, why) {
    this.#counts.not += 1;
    console.log(row(client, step, 'NOT HELD', ms === undefined ? '      -' : seconds(ms)));
    why.split('\n').slice(0, REASON_LINES).forEach(note);
  }

  /** Prints the sum. True if every step held and there was one. */
  finish() {
    const { held, not } = this.#counts;
    console.log(`\n${held} held, ${not} not held`);
    return held > 0 && not === 0;
  }
}
