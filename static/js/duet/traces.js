/** What people have played a moment ago, for the picture: each note with its beginning and, once it is over, its end. */

/** What ended longer ago is out of the picture. */
const SEEN_US = 4_000_000;

/** More at once is not music, and the picture must stay quick. */
const MOST = 512;

/** @typedef {{player: number, pitch: number, at: number, end: number | null}} Trace */

export class Traces {
  constructor() {
    /** @type {Trace[]} */
    this.notes = [];
  }

  /**
   * @param {number} player
   * @param {number} pitch
   * @param {number} at µs of the duet.
   */
  begin(player, pitch, at) {
    this.end(player, pitch, at);
    this.notes.push({ player, pitch, at, end: null });
    if (this.notes.length > MOST) this.notes.shift();
  }

  /**
   * @param {number} player
   * @param {number} pitch
   * @param {number} at
   */
  end(player, pitch, at) {
    const open = this.notes.find((note) => note.player === player && note.pitch === pitch && note.end === null);
    if (open) open.end = Math.max(at, open.at);
  }

  /**
   * @param {number} at
   * @param {number} [player] Everybody when it is left out.
   */
  endAll(at, player) {
    for (const note of this.notes) if (note.end === null && (player === undefined || note.player === player)) note.end = Math.max(at, note.at);
  }

  /**
   * Another player's MIDI.
   * @param {number} player
   * @param {import("./types.js").MidiEvent} event
   */
  take(player, [at, status, pitch, velocity]) {
    const kind = status & 0xf0;
    if (kind === 0x90 && velocity > 0) this.begin(player, pitch, at);
    else if (kind === 0x80 || kind === 0x90) this.end(player, pitch, at);
    else if (kind === 0xb0 && (pitch === 120 || pitch === 123)) this.endAll(at, player);
  }

  /** @param {number} now */
  forget(now) {
    if (this.notes.some((note) => note.end !== null && note.end < now - SEEN_US)) this.notes = this.notes.filter((note) => note.end === null || note.end >= now - SEEN_US);
  }

  /** The pitches that are held. @param {(player: number) => boolean} whose */
  held(whose) {
    return new Set(this.notes.filter((note) => note.end === null && whose(note.player)).map((note) => note.pitch));
  }
}
