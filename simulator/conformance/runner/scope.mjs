// What must be undone: processes, folders. A scope undoes what was left in it, last first, also what failed half-way.

export class Scope {
  #undo = [];

  /** `undo` runs when the scope closes, also when the others before it failed. */
  onClose(undo) {
    this.#undo.push(undo);
  }

  /** Undoes everything once. Resolves to the errors of what could not be undone. */
  async close() {
    const errors = [];
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      await Promise.resolve()
        .then(undo)
        .catch((error) => errors.push(error));
    }
    return errors;
  }
}
