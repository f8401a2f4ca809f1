/**
 * What the partner has promised, and what of it is due. The schedule knows no sound and no clock: it is asked with the
 * moment of the duet and says what is to be handed on, a little ahead of time.
 *
 * @typedef {import("./types.js").Note} Note
 */

/** What comes later than this is not sounded any more: a chord a tenth of a beat late is worse than none. */
const TOO_LATE_US = 120_000;

/** Notes are kept for the picture so long after they have ended. */
const SEEN_US = 4_000_000;

export class Schedule {
  constructor() {
    /** Not handed on yet, in their order. @type {Note[]} */
    this.waiting = [];
    /** Handed on, and still wanted by the picture. @type {Note[]} */
    this.given = [];
    /** @type {Set<number>} */
    this.known = new Set();
    this.late = 0;
    this.played = 0;
    this.skipped = 0;
  }

  /**
   * Takes promises; what is in the past on arrival is counted as late.
   * @param {Note[]} notes
   * @param {number} now µs of the duet.
   */
  promise(notes, now) {
    for (const note of notes) {
      // What comes twice after a lost connection is played once.
      if (this.known.has(note.id)) continue;
      this.known.add(note.id);
      if (note.at < now) this.late += 1;
      this.waiting.push(note);
    }
    this.waiting.sort((a, b) => a.at - b.at);
  }

  /**
   * What begins before `until`; what is far too late is left out and counted.
   * @param {number} now
   * @param {number} until
   * @returns {Note[]}
   */
  due(now, until) {
    const end = this.waiting.findIndex((note) => note.at > until);
    const due = this.waiting.splice(0, end < 0 ? this.waiting.length : end);
    const sounding = due.filter((note) => note.at > now - TOO_LATE_US);
    this.skipped += due.length - sounding.length;
    this.played += sounding.length;
    this.given.push(...sounding);
    this.forget(now);
    return sounding;
  }

  /**
   * Takes promises back.
   * @param {number[]} ids
   * @returns {Note[]} Those that were handed on already.
   */
  cancel(ids) {
    const gone = new Set(ids);
    this.waiting = this.waiting.filter((note) => !gone.has(note.id));
    const given = this.given.filter((note) => gone.has(note.id));
    this.given = this.given.filter((note) => !gone.has(note.id));
    return given;
  }

  /**
   * Everything is off: what has not begun never does, what sounds ends now.
   * @param {number} now
   */
  clear(now) {
    // Should the server promise them once more, they are wanted again.
    for (const note of [...this.waiting, ...this.given]) if (note.at >= now) this.known.delete(note.id);
    this.waiting = [];
    this.given = this.given.filter((note) => note.at < now);
    for (const note of this.given) note.duration = Math.min(note.duration, now - note.at);
  }

  /** @param {number} now */
  forget(now) {
    if (!this.given.some((note) => note.at + note.duration < now - SEEN_US)) return;
    for (const note of this.given) if (note.at + note.duration < now - SEEN_US) this.known.delete(note.id);
    this.given = this.given.filter((note) => note.at + note.duration >= now - SEEN_US);
  }
}
