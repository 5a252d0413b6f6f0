// Undo and redo over states that never change. Steps that follow each other under one name within a moment, such as the
// many positions of one drag, are one step.

const TOGETHER_MS = 700;

/** @template T */
export class History {
  /** @param {T} state @param {() => number} [now] */
  constructor(state, now = () => performance.now()) {
    this.now = now;
    /** @type {{state: T, label: string}[]} */
    this.past = [];
    /** @type {{state: T, label: string}[]} */
    this.future = [];
    this.present = state;
    this.lastName = "";
    this.lastAt = -Infinity;
  }

  /**
   * @param {T} state @param {string} label what was done, in words for the person
   * @param {string} [name] steps of the same name join; none never joins
   */
  step(state, label, name = "") {
    if (state === this.present) return;
    const at = this.now();
    const joins = name !== "" && name === this.lastName && at - this.lastAt < TOGETHER_MS && this.past.length > 0;
    if (!joins) this.past.push({ state: this.present, label });
    this.present = state;
    this.future = [];
    this.lastName = name;
    this.lastAt = at;
  }

  /** @returns {string|null} what was undone, or null where there was nothing */
  undo() {
    const before = this.past.pop();
    if (!before) return null;
    this.future.push({ state: this.present, label: before.label });
    this.present = before.state;
    this.lastName = "";
    return before.label;
  }

  /** @returns {string|null} what was done again, or null where there was nothing */
  redo() {
    const after = this.future.pop();
    if (!after) return null;
    this.past.push({ state: this.present, label: after.label });
    this.present = after.state;
    this.lastName = "";
    return after.label;
  }

  /** Change every state alike, so that undoing does not bring back what no longer exists. @param {(state: T) => T} change */
  rewrite(change) {
    this.present = change(this.present);
    this.past = this.past.map((one) => ({ ...one, state: change(one.state) }));
    this.future = this.future.map((one) => ({ ...one, state: change(one.state) }));
  }
}
